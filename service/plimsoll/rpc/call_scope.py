"""Surrounds every call of the inference service: its id, span and access line, and the phase of the server."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import NoReturn, Protocol

import grpc

from plimsoll.errors import Draining, PlimsollError
from plimsoll.inference.call import CALL, Call
from plimsoll.inference.deadlines import HEADER as TIMEOUT
from plimsoll.inference.request_head import RequestHead
from plimsoll.rpc.parts import CallSpan, RpcParts
from plimsoll.rpc.status_codes import REQUEST_ID, Failure, failure_of

_log = logging.getLogger(__name__)
_TIMEOUT = TIMEOUT.encode()
_OK_STATUS = 200
_GONE = grpc.StatusCode.CANCELLED.name
_LONGEST_DIGITS = 12
"""As many as the line reads; some clients send a deadline of many years."""


class Context(Protocol):
    """The part of `grpc.aio.ServicerContext` that calls use."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """The metadata that the client has sent."""
        ...

    def peer(self) -> str:
        """The address of the client, such as `ipv4:127.0.0.1:54140`."""
        ...

    def time_remaining(self) -> float | None:
        """The seconds until the client's deadline; `None` without one."""
        ...

    def set_trailing_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None:
        """Set the metadata that follows the answer."""
        ...

    async def abort(self, code: grpc.StatusCode, details: str, metadata: tuple[tuple[str, str], ...]) -> NoReturn:
        """End the call with an error; raises one that must reach gRPC."""
        ...


Answer = Callable[[Call, AsyncIterator[bytes], Context], Awaitable[bytes]]
"""Answers one call: its messages, each as bytes, and its context to the bytes of a message. Refuses by raising."""
Handler = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]
"""The same as gRPC calls it."""


ClientOf = Callable[[str], tuple[str, int] | None]
"""Gives the address and port of a client by gRPC's name for its connection."""


class CallScope:
    """Makes handlers of answers; a call counts as in flight until it has been answered or abandoned."""

    def __init__(self, parts: RpcParts, client_of: ClientOf) -> None:
        self._parts = parts
        self._client_of = client_of

    def around(self, route: str, answer: Answer) -> Handler:
        """The handler of a method; `route` is its path, such as `/inference.GRPCInferenceService/ModelInfer`."""

        async def handle(messages: AsyncIterator[bytes], context: Context) -> bytes:
            call = Call(_head_of(context), route)
            client = self._client_of(context.peer())
            self._parts.identify(call.request_id, client)
            self._parts.state.enter()
            span = None if self._parts.tracer is None else self._parts.tracer.begin(call, client[0] if client else "")
            try:
                ended = await self._end_of(call, answer, messages, context, span)
            finally:
                self._parts.state.leave()
                scope = {"method": "GRPC", "client": client, "state": {CALL: call}}
                self._parts.access_log.write(scope, call.seconds())
            if isinstance(ended, Failure):
                await context.abort(*ended)
            context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
            return ended

        return handle

    async def _end_of(
        self, call: Call, answer: Answer, messages: AsyncIterator[bytes], context: Context, span: CallSpan | None
    ) -> bytes | Failure:
        """The answer to a call, or the status of its error."""
        code = _GONE
        try:
            if self._parts.state.refuses:
                call.refusal = Draining("this server is stopping; try again, another one will answer")
            reply = await answer(call, messages, context)
        except PlimsollError as error:
            failure = failure_of(error, call.request_id)
            call.status, code = error.status, failure.code.name
            self._parts.settle(error)
            return failure
        except Exception:  # noqa: BLE001  # the log has the traceback, and the client an internal error
            _log.exception("call failed with an unexpected error")
            internal = PlimsollError("internal")
            failure = failure_of(internal, call.request_id)
            call.status, code = internal.status, failure.code.name
            return failure
        else:
            call.status, code = _OK_STATUS, grpc.StatusCode.OK.name
            return reply
        finally:  # a call that is cancelled, because its client has left, has no status
            if span is not None:
                span.end(call, code)


async def never() -> None:
    """Wait for ever. The client's leaving cancels the task of a call, so that nothing else has to watch for it."""
    await asyncio.get_running_loop().create_future()


def keep_deadline(call: Call, context: Context) -> None:
    """Put gRPC's own deadline where the line reads timeouts; one that is earlier, or wrong, in the metadata stays."""
    remaining = context.time_remaining()
    if remaining is None:
        return
    milliseconds = min(max(1, math.ceil(1000 * remaining)), 10**_LONGEST_DIGITS - 1)
    asked = call.head.fields.get(_TIMEOUT)
    if asked is None or (asked.isdigit() and len(asked) <= _LONGEST_DIGITS and int(asked) > milliseconds):
        call.head.fields[_TIMEOUT] = b"%d" % milliseconds


def _head_of(context: Context) -> RequestHead:
    """The metadata as the head of a request; binary values are left out, because no part reads one."""
    metadata = context.invocation_metadata() or ()
    return RequestHead([(name.encode(), value.encode()) for name, value in metadata if isinstance(value, str)])


def client_by_address(peer: str) -> tuple[str, int] | None:
    """Address and port of a client in gRPC's own form; `None` for one that has no address."""
    kind, _, address = peer.partition(":")
    host, _, port = address.rpartition(":")
    if kind not in ("ipv4", "ipv6") or not port.isdigit():
        return None
    return host.removeprefix("[").removesuffix("]").replace("%5B", "").replace("%5D", ""), int(port)
