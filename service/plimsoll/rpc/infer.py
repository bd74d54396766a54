"""Answers ModelInfer: key, message, line, reply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus

from plimsoll.errors import BodyTooLarge, ClientGone, DeadlineExceeded, PlimsollError
from plimsoll.inference.call import Call
from plimsoll.inference.line import complete_body
from plimsoll.inference.payloads import Scores
from plimsoll.inference.ports import Outcome
from plimsoll.rpc import PROTOCOL
from plimsoll.rpc.call_scope import Context, keep_deadline, never
from plimsoll.rpc.infer_front import InferFront
from plimsoll.rpc.message_head import model_named
from plimsoll.rpc.message_reader import MessageReader
from plimsoll.rpc.parts import RpcParts

_FRONT = InferFront()


class Infer:
    """Answers one call in at most `longest` bytes; the observer receives its outcome, exactly once.

    The key is checked before the message is read, and the permit is taken before it is parsed.
    """

    def __init__(self, parts: RpcParts, messages: MessageReader, longest: int) -> None:
        self._parts = parts
        self._messages = messages
        self._longest = longest

    async def __call__(self, call: Call, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """The bytes of a ModelInferResponse.

        Raises:
            PlimsollError: the request is refused, or fails.
        """
        observer = self._parts.observer
        status, code = HTTPStatus.INTERNAL_SERVER_ERROR.value, ""
        scores: Scores | None = None
        observer.request_started()
        try:
            reply, scores = await self._reply(call, messages, context)
            status = HTTPStatus.OK.value
        except PlimsollError as error:
            status, code = error.status, error.code
            raise
        except asyncio.CancelledError:
            ended = DeadlineExceeded if context.time_remaining() == 0 else ClientGone
            status, code = ended.status, ended.code
            raise
        else:
            return reply
        finally:
            seconds = time.perf_counter() - call.started
            observer.request_finished(Outcome(PROTOCOL, call.model, call.version, status, seconds, code, scores=scores))

    async def _reply(self, call: Call, messages: AsyncIterator[bytes], context: Context) -> tuple[bytes, Scores | None]:
        self._parts.gate.admit(call, "predict")
        body = await self._messages.read(messages)
        call.named = model_named(body)
        keep_deadline(call, context)
        served, question, answer = await self._parts.line.ask(call, _FRONT, complete_body(body), never)
        content = _FRONT.reply(call, served, question, answer).content
        if len(content) > self._longest:
            raise BodyTooLarge(
                "the answer is longer than a message may be",
                expected=f"rows whose answer has at most {self._longest} bytes",
                given=f"{len(content)} bytes",
            )  # fmt: skip
        return content, answer.scores
