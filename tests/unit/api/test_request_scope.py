from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from plimsoll.api.access_log import AccessLog
from plimsoll.api.error_responses import error_response
from plimsoll.api.request_scope import RequestScope, current_request
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.api.site_policy import SitePolicy
from plimsoll.inference.call import call_of
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.models import EchoModel
from tests.unit.api.conftest import ALL_OF_THEM, Edge
from tests.unit.eventually import PATIENCE_SECONDS

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
PROBES = ["/livez", "/readyz", "/startupz", "/metrics", "/v2/health/live", "/v2/health/ready"]


class Door:
    """A scope around one bare handler, which answers 204 unless `handler` says otherwise."""

    def __init__(self, handler: Handler | None = None, phase: Phase = Phase.SERVING) -> None:
        self.state = ServingState()
        self.state.phase = phase
        self.seen: list[str | None] = []
        self._handler = handler
        self.app: ASGIApp = RequestScope(self._answer, self.state, error_response, AccessLog(ALL_OF_THEM), SitePolicy())

    async def ask(self, path: str = "/v1/models", **headers: str) -> Exchange:
        """One GET."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await Exchange(self.app, http_scope(path, headers=named)).run()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(current_request().get("request_id"))
        assert self.state.in_flight == (0 if scope["path"] in PROBES else 1)
        if self._handler is not None:
            await self._handler(scope, receive, send)
        else:
            await start(send, 204)
            await send({"type": "http.response.body", "body": b""})


async def start(send: Send, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})


async def break_down(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("at /srv/secret")


async def break_down_half_way(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("at /srv/secret")


@pytest.mark.parametrize("given", ["a", "abc-123", "00-4bf9.2:3_F", "x" * 128])
async def test_a_sensible_id_of_the_client_is_kept(given: str) -> None:
    door = Door()
    exchange = await door.ask(x_request_id=given)
    assert exchange.headers["x-request-id"] == given
    assert door.seen == [given]


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 129, "<script>", "a\nb", "ü", '{"a":1}'])
async def test_any_other_id_is_replaced(given: str) -> None:
    exchange = await Door().ask(x_request_id=given)
    assert re.fullmatch(r"[0-9a-f]{32}", exchange.headers["x-request-id"])


async def test_every_request_without_an_id_gets_one_of_its_own_that_ends_with_it() -> None:
    door = Door()
    ids = {(await door.ask()).headers["x-request-id"] for _ in range(3)}
    assert ids == set(door.seen)
    assert len(ids) == 3
    assert current_request() == {}


@pytest.mark.parametrize(
    ("phase", "closes"),
    [(Phase.STARTING, False), (Phase.SERVING, False), (Phase.LEAVING, True), (Phase.REFUSING, True)],
)
async def test_a_connection_is_closed_once_the_server_is_told_to_stop(*, phase: Phase, closes: bool) -> None:
    for path in ("/v1/models", "/livez"):
        exchange = await Door(phase=phase).ask(path)
        assert (exchange.headers.get("connection") == "close") == closes


async def test_while_leaving_requests_are_still_answered() -> None:
    assert (await Door(phase=Phase.LEAVING).ask()).status == 204


async def test_while_refusing_a_request_gets_503_draining_with_its_id_and_never_reaches_a_route() -> None:
    door = Door(phase=Phase.REFUSING)
    exchange = await door.ask(x_request_id="me-1")
    assert exchange.status == 503
    assert exchange.headers["retry-after"] == "1"
    error = httpx.Response(503, content=exchange.sent[1]["body"]).json()["error"]
    assert (error["code"], error["request_id"]) == ("draining", "me-1")
    assert door.seen == []
    assert door.state.in_flight == 0


@pytest.mark.parametrize("path", PROBES)
async def test_while_refusing_probes_are_still_answered(path: str) -> None:
    assert (await Door(phase=Phase.REFUSING).ask(path)).status == 204


async def test_an_exception_that_nobody_expected_is_500_with_the_id_and_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    door = Door(break_down)
    exchange = await door.ask(x_request_id="me-2")
    assert exchange.status == 500
    assert exchange.headers["x-request-id"] == "me-2"
    error = httpx.Response(500, content=exchange.sent[1]["body"]).json()["error"]
    assert error["code"] == "internal"
    assert error["request_id"] == "me-2"
    assert "secret" not in str(error)
    assert "RuntimeError: at /srv/secret" in caplog.text
    assert door.state.in_flight == 0


async def test_an_exception_after_the_reply_has_begun_is_passed_on_so_that_the_connection_breaks() -> None:
    door = Door(break_down_half_way)
    exchange = Exchange(door.app, http_scope("/v1/models"))
    with pytest.raises(RuntimeError):
        await exchange.run()
    assert [message["type"] for message in exchange.sent] == ["http.response.start", "http.response.body"]
    assert door.state.in_flight == 0


@pytest.mark.parametrize("path", PROBES)
async def test_a_probe_that_breaks_down_is_500_too(path: str) -> None:
    assert (await Door(break_down).ask(path)).status == 500


async def test_a_request_that_is_cancelled_is_no_longer_in_flight() -> None:
    entered = asyncio.Event()

    async def wait(_scope: Scope, _receive: Receive, _send: Send) -> None:
        entered.set()
        await asyncio.Event().wait()

    door = Door(wait)
    asking = asyncio.create_task(door.ask())
    await asyncio.wait_for(entered.wait(), PATIENCE_SECONDS)
    assert door.state.in_flight == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert door.state.in_flight == 0
    await door.state.idle()


async def test_what_is_no_request_passes_through_untouched() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    lifespan: Scope = {"type": "lifespan"}
    await Exchange(
        RequestScope(app, ServingState(), error_response, AccessLog(ALL_OF_THEM), SitePolicy()), lifespan
    ).run()
    assert seen == [{"type": "lifespan"}]


async def test_what_the_server_put_into_the_state_is_kept() -> None:
    async def handler(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["state"]["ours"] == 1
        assert call_of(scope).request_id == "me-3"
        assert call_of(scope).seconds() >= 0
        await start(send)

    scope: Scope = {**http_scope("/v1/models", headers={"X-Request-Id": "me-3"}), "state": {"ours": 1}}
    assert (await Exchange(Door(handler).app, scope).run()).status == 200


async def test_every_request_but_a_probe_is_one_access_line(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    edge.serve("echo", "7", EchoModel())
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        await edge.client.post("/v1/models/echo/predict", json={"features": [0, 1]})
        await edge.client.get("/readyz")
        await edge.client.get("/v1/nowhere")
        await edge.client.get("/v1/models/echo")
    lines = [record.__dict__ for record in caplog.records]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/models/{name}/predict", 200), ("GET", "unknown", 404), ("GET", "/v1/models/{name}", 200),
    ]  # fmt: skip
    assert (lines[0]["model"], lines[0]["version"]) == ("echo", "7")
    assert all(line["duration_ms"] > 0 for line in lines)


async def test_a_request_that_was_never_answered_is_gone_in_its_access_line(caplog: pytest.LogCaptureFixture) -> None:
    async def say_nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return

    with caplog.at_level(logging.INFO, "plimsoll.access"):
        await Door(say_nothing).ask()
    assert caplog.records[0].__dict__["status"] == "gone"


async def test_no_access_line_is_made_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "plimsoll.access"):
        await Door().ask()
    assert caplog.records == []


class Socket:
    """A WebSocket whose application accepts, waits and closes; keeps what the server was sent."""

    def __init__(self, phase: Phase = Phase.SERVING, **extensions: object) -> None:
        self.state = ServingState()
        self.state.phase = phase
        self.sent: list[Message] = []
        self.go, self.open = asyncio.Event(), asyncio.Event()
        self._app = RequestScope(self._talk, self.state, error_response, AccessLog(ALL_OF_THEM), SitePolicy())
        self.scope: Scope = {
            **http_scope("/v1/models/echo/session", headers={"x-request-id": "ws-1"}),
            "type": "websocket", "extensions": {name.replace("_", "."): {} for name in extensions},
        }  # fmt: skip
        del self.scope["method"]

    async def run(self) -> None:
        await self._app(self.scope, self._receive, self._send)

    async def _receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    async def _talk(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        self.open.set()
        await self.go.wait()
        await send({"type": "websocket.close", "code": 1000})


async def test_a_websocket_has_an_id_counts_in_flight_and_is_one_access_line(caplog: pytest.LogCaptureFixture) -> None:
    socket = Socket()
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        talking = asyncio.create_task(socket.run())
        await asyncio.wait_for(socket.open.wait(), 5)
        assert socket.state.in_flight == 1
        socket.state.phase = Phase.LEAVING  # one that is open goes on
        socket.go.set()
        await talking
    assert socket.state.in_flight == 0
    assert socket.sent[0]["headers"] == [(b"x-request-id", b"ws-1")]
    (line,) = (record.__dict__ for record in caplog.records)
    assert (line["method"], line["status"]) == ("WEBSOCKET", 101)


async def test_while_refusing_a_websocket_is_refused_before_it_is_accepted() -> None:
    plain, able = Socket(Phase.REFUSING), Socket(Phase.REFUSING, websocket_http_response=True)
    for socket in (plain, able):
        await socket.run()
        assert not socket.open.is_set()
        assert call_of(socket.scope).status == 503
    assert plain.sent == [{"type": "websocket.close", "code": 1013, "reason": "draining"}]
    assert (able.sent[0]["type"], able.sent[0]["status"]) == ("websocket.http.response.start", 503)
    assert b"draining" in able.sent[1]["body"]
