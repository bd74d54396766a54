"""A plain prediction and its answer, without ASGI and without a task."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextvars import Context
from typing import Any

from starlette.types import ASGIApp, Scope

from plimsoll.api.request_scope import Peer
from plimsoll.api.short_way import PlainHead
from plimsoll.inference.call import Call
from plimsoll.server.answer_writer import AnswerWriter
from plimsoll.server.connections import Connections
from plimsoll.server.exchange import Exchange, OwnConnection

_SCOPE: Scope = {"method": "POST", "http_version": "1.1"}
"""All that an exchange reads of a scope."""


class ShortExchange(Exchange):
    """Takes the steps of an answer in the callbacks of the connection and of the lane.

    They are a coroutine, the same that a task runs for other requests. Each future that it awaits resumes it here; it
    may await nothing that needs a task.
    """

    __slots__ = ("_answer", "_context", "_gone", "_loop")
    answers_in_place = True

    def __init__(
        self, connection: OwnConnection, writer: AnswerWriter, connections: Connections, *, keep_alive: bool
    ) -> None:
        super().__init__(connection, writer, connections, _SCOPE, keep_alive=keep_alive)
        self._loop = asyncio.get_running_loop()
        self._context = Context()
        self._gone: asyncio.Future[None] | None = None

    def prepare(self, plain: PlainHead, call: Call, body: bytes, client: Peer) -> ShortExchange:
        """Itself, with what there is to answer."""
        self._answer: Coroutine[Any, Any, None] = plain.answer(call, body, client, self._client_gone, self._send_whole)
        return self

    def leave(self) -> None:
        """The client is gone."""
        super().leave()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def start(self, app: ASGIApp, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        """Answer, as far as nothing has to be awaited, and go on when that is there."""
        del app, loop, tasks
        self._context.run(self._go_on_answering)

    def _client_gone(self) -> asyncio.Future[None]:
        """Is done when the client has left. One of them is awaited at a time."""
        self._gone = gone = self._loop.create_future()
        if self.left:
            gone.set_result(None)
        return gone

    def _go_on_answering(self, _awaited: asyncio.Future[Any] | None = None) -> None:
        try:
            awaits: asyncio.Future[Any] | None = self._answer.send(None)
        except StopIteration:
            return
        except asyncio.CancelledError:
            self._writer.abort()
            return
        except Exception:  # noqa: BLE001  # as for other requests: the connection has to end
            self._fail()
            return
        if awaits is None:
            self._loop.call_soon(self._go_on_answering, context=self._context)
        else:
            awaits.add_done_callback(self._go_on_answering, context=self._context)

    def _send_whole(self, status: int, fields: Sequence[tuple[bytes, bytes]], content: bytes) -> None:
        if not self.left:
            self._begin(status, fields)
            self._go_on(content, more=False)
