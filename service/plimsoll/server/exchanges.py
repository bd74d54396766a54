"""Chooses for each request of a connection the way that it goes."""

from __future__ import annotations

from starlette.types import Scope

from plimsoll.api.short_way import PlainHead, ShortWay
from plimsoll.inference.call import CALL
from plimsoll.server.answer_writer import AnswerWriter
from plimsoll.server.asgi_scope import request_scope
from plimsoll.server.connections import Connections
from plimsoll.server.exchange import Exchange, OwnConnection
from plimsoll.server.request_head import RequestHead
from plimsoll.server.request_parser import RequestParser
from plimsoll.server.short_exchange import ShortExchange
from plimsoll.server.websocket_exchange import WebSocketExchange


class Exchanges:
    """Makes the exchange of each request of one connection: a WebSocket, the short way, or ASGI for all others.

    `base` is the part of the ASGI scope that all requests of the connection share, with the application's state.
    """

    __slots__ = (
        "_base", "_connections", "_head", "_parser", "_plain", "_short_way", "_writer",
    )  # fmt: skip

    def __init__(
        self,
        writer: AnswerWriter,
        connections: Connections,
        base: Scope,
        parser: RequestParser,
        short_way: ShortWay | None,
    ) -> None:
        self._writer = writer
        self._connections = connections
        self._base = base
        self._parser = parser
        self._short_way = short_way
        self._head: RequestHead | None = None
        self._plain: PlainHead | None = None

    def begin(self, connection: OwnConnection, head: RequestHead) -> Exchange:
        """The exchange of a request whose head has just been taken; that of the short way has taken the body too."""
        writer, connections = self._writer, self._connections
        if head.asks_for_websocket and connections.upgrades(head.target):
            self._parser.leave_http()
            return WebSocketExchange(connection, writer, connections, self._base, head, self._base["state"])
        state = self._base["state"]
        if (plain := self._plain_head(head)) is not None and self._parser.body_has_come:
            call = plain.begin()
            if not plain.is_traced(call):
                short = ShortExchange(connection, writer, connections, keep_alive=head.keep_alive)
                return short.prepare(plain, call, self._parser.next_part(), self._base["client"])
            state = {**state, CALL: call}
        scope = request_scope(self._base, head, state)
        return Exchange(connection, writer, connections, scope, keep_alive=head.keep_alive)

    def _plain_head(self, head: RequestHead) -> PlainHead | None:
        """The plain head of the short way, if it is one; the parser gives the same head for the same bytes."""
        if head is not self._head:
            self._head, self._plain = head, None
            if self._short_way is not None and head.method == "POST" and head.version == "1.1":
                self._plain = self._short_way.plain(head.target.decode("ascii"), head.fields)
        return self._plain
