"""Plain predictions without ASGI: what the server calls for them, from the parts that answer all other requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from plimsoll.api.ask import Ask
from plimsoll.api.front_routes import FoundRoute, FrontRoutes
from plimsoll.api.request_scope import Peer, RequestScope, SendReply
from plimsoll.inference.call import Call
from plimsoll.inference.request_head import RequestHead

_UNUSUAL = (b"expect", b"content-encoding", b"transfer-encoding", b"upgrade")
"""Fields of a head with which a request is not plain."""


class RootSampler(Protocol):
    """Decides which requests are traced."""

    def names_trace(self, fields: Mapping[bytes, bytes]) -> bool:
        """Whether the head of a request names a trace or another context."""
        ...

    def samples(self, call: Call) -> bool:
        """Whether a trace begins with this call, which is asked once and keeps the answer."""
        ...


class PlainHead(NamedTuple):
    """The head of a plain prediction, and what answers it; the same for every request with these bytes."""

    path: str
    head: RequestHead
    route: FoundRoute
    ask: Ask
    surroundings: RequestScope
    sampler: RootSampler | None

    def begin(self) -> Call:
        """The call of one request with this head."""
        return Call(self.head, self.route.template, self.route.named)

    def is_traced(self, call: Call) -> bool:
        """Whether this call is the first of a trace, and therefore goes on in ASGI."""
        return self.sampler is not None and self.sampler.samples(call)

    def answer(
        self, call: Call, body: bytes, client: Peer, client_gone: Callable[[], Awaitable[None]], send: SendReply
    ) -> Coroutine[Any, Any, None]:
        """Answer a call by one `send`; run this in a context of its own."""
        return self.surroundings.plain(call, self.path, client, self.ask.whole(call, body, client_gone), send)


class ShortWay:
    """Finds plain predictions among the requests; the parts that answer the others answer them too.

    Plain is a POST to a route of `asks`, by template, that declares a body of at most `longest_body` bytes, and of
    which nothing is unusual: no compressed body, no stream of events, no trace that the client has begun.
    """

    def __init__(
        self,
        routes: FrontRoutes,
        asks: Mapping[str, Ask],
        surroundings: RequestScope,
        longest_body: int,
        sampler: RootSampler | None = None,
        root_path: str = "",
    ) -> None:
        self._routes = routes
        self._asks = asks
        self._surroundings = surroundings
        self._longest_body = longest_body
        self._sampler = sampler
        self._prefix = root_path + "/" if root_path else "\n"  # no path holds a line end

    def plain(self, path: str, fields: Sequence[tuple[bytes, bytes]]) -> PlainHead | None:
        """The head of a POST over HTTP/1.1, if it is that of a plain prediction."""
        if "%" in path or path.startswith(self._prefix) or (found := self._routes.find(path)) is None:
            return None
        head, ask = RequestHead(fields), self._asks[found.template]
        declared = head.declared_bytes()
        if not declared or declared > self._longest_body or any(map(head.has, _UNUSUAL)) or ask.streams(head):
            return None
        if self._sampler is not None and self._sampler.names_trace(head.fields):
            return None
        return PlainHead(path, head, found, ask, self._surroundings, self._sampler)
