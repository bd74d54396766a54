"""The way that each request of a connection goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from plimsoll.application import Application
from plimsoll.inference.call import CALL, Call
from plimsoll.server.answer_writer import AnswerWriter
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from plimsoll.server.exchange import Exchange
from plimsoll.server.exchanges import Exchanges
from plimsoll.server.request_parser import RequestParser
from plimsoll.server.short_exchange import ShortExchange
from plimsoll.server.websocket_exchange import WebSocketExchange
from plimsoll.settings import load_settings
from starlette.types import Receive, Scope, Send

from tests.unit.server.wire import Recorder

POST = b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
SOCKET = (
    b"GET /v1/models/a/session HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


class Standing:
    """A connection that is never told anything of interest."""

    def regulate_reading(self) -> None:
        """Ignore it."""

    def answer_begins(self) -> bool:
        """Keep the connection."""
        return True

    def answer_complete(self) -> None:
        """Ignore it."""


async def begun(folder: Path, sent: bytes, *, short_way: bool = True, traced: bool = False) -> Exchange:
    application = Application(load_settings(models_dir=folder, short_way=short_way))
    limits, transport = ConnectionLimits(), Recorder()
    connections = Connections(limits, upgrades=lambda target: target.endswith(b"/session"))
    connections.date_field = b"date: today\r\n"
    parser = RequestParser(limits)
    base = {"type": "http", "client": ("127.0.0.9", 1), "state": {"own": 1}}
    way = application.short_way
    if traced and way is not None:
        way._sampler = EverySampled()  # noqa: SLF001  # a collector would be needed for a real one
    exchanges = Exchanges(AnswerWriter(transport), connections, base, parser, way)
    parser.receive(sent)
    head = parser.next_head()
    assert head is not None
    return exchanges.begin(Standing(), head)


class EverySampled:
    """Samples every call."""

    def names_trace(self, fields: object) -> bool:
        del fields
        return False

    def samples(self, call: Call) -> bool:
        call.trace_id = 7
        return True


async def nobody(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("it should not be asked")


async def test_a_plain_prediction_goes_the_short_way(tmp_path: Path) -> None:
    exchange = await begun(tmp_path, POST + b"{}")
    assert isinstance(exchange, ShortExchange)
    exchange.start(nobody, asyncio.get_running_loop(), set())
    assert exchange.complete, "there is no model, so nothing has to be awaited"


async def test_a_body_that_is_still_to_come_and_a_switch_lead_to_asgi(tmp_path: Path) -> None:
    for sent, short_way in ((POST + b"{", True), (POST + b"{}", False)):
        exchange = await begun(tmp_path, sent, short_way=short_way)
        assert type(exchange) is Exchange
        assert exchange.scope["state"] == {"own": 1}


async def test_a_request_that_begins_a_trace_goes_on_in_asgi_with_its_call(tmp_path: Path) -> None:
    exchange = await begun(tmp_path, POST + b"{}", traced=True)
    assert type(exchange) is Exchange
    assert exchange.scope["state"][CALL].trace_id == 7


async def test_a_websocket_is_one(tmp_path: Path) -> None:
    assert isinstance(await begun(tmp_path, SOCKET), WebSocketExchange)
