"""Predictions that are answered without ASGI: what their clients get, and what becomes of those that leave or wait."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from plimsoll.api.serving_state import ServingState
from plimsoll.application import Application
from plimsoll.server import short_exchange
from plimsoll.server.connection_limits import ConnectionLimits
from starlette.types import Receive, Scope, Send

from tests.conftest import MakeBundle
from tests.unit.eventually import eventually
from tests.unit.server.wire import Wire
from tests.unit.services import running

ROW = b'{"features": [0.1, 0.2, 0.3, 0.4]}'
WRONG = b'{"features": [0.1]}'
WAITS = {"max_wait_ms": 300.0, "objective_ms": 10_000.0}
"""Settings with which a batch waits for more rows, in tests that need a request in the queue."""
JSON = b"Content-Type: application/json"


def predict(body: bytes = ROW, *fields: bytes, line: bytes = b"POST /v1/predict HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: localhost", JSON, *fields, b"Content-Length: %d" % len(body), b"", body])


class Service:
    """A running application, of which is counted how many requests reach it by ASGI."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.by_asgi = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.by_asgi += 1
        await self.application.asgi(scope, receive, send)

    def wire(self, limits: ConnectionLimits | None = None) -> Wire:
        """A new connection to it."""
        return Wire(self, limits, short_way=self.application.short_way)

    def in_flight(self) -> int:
        """The requests that the line holds."""
        return cast("ServingState", self.application.rpc.state).in_flight


@asynccontextmanager
async def service(folder: Path, make_tiny_bundle: MakeBundle, **chosen: Any) -> AsyncIterator[Service]:
    make_tiny_bundle()
    async with running(folder, inline_budget_ms=1000.0, **chosen) as (application, _):
        yield Service(application)


async def answers(wire: Wire, count: int) -> list[int]:
    """The statuses of so many answers, as soon as they are there."""
    await eventually(lambda: len(wire.statuses) >= count)
    return wire.statuses


async def test_a_plain_prediction_is_answered_without_asgi(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    async with service(tmp_path, make_tiny_bundle) as served:
        wire = served.wire()
        await wire.send(predict(ROW, b"X-Request-Id: mine"), predict(WRONG), predict(b"{"), predict())
        assert await answers(wire, 4) == [200, 422, 400, 200]
        assert served.by_asgi == 0
        assert wire.client.said.count(b"x-request-id: mine\r\n") == 1
        assert not wire.client.closed
        assert wire.server.total_requests == 4
        assert served.in_flight() == 0


@pytest.mark.parametrize(
    "packets",
    [
        [predict(ROW, b"Expect: 100-continue")],
        [predict()[:-3], predict()[-3:]],
        [predict(line=b"POST /v1/predict HTTP/1.0")],
        [predict(line=b"POST /v1/models/ti%6ey/predict HTTP/1.1")],
        [predict(line=b"POST /team/v1/predict HTTP/1.1")],
        [predict(ROW, b"Accept: text/event-stream")],
        [predict(ROW, b"Content-Encoding: identity")],
        [b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n" + JSON + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"%x\r\n%b\r\n0\r\n\r\n" % (len(ROW), ROW)],
    ],
)  # fmt: skip
async def test_whatever_is_unusual_goes_by_asgi(
    tmp_path: Path, make_tiny_bundle: MakeBundle, packets: list[bytes]
) -> None:
    async with service(tmp_path, make_tiny_bundle, root_path="/team") as served:
        wire = served.wire()
        await wire.send(*packets)
        await eventually(lambda: b"HTTP/1.1 200" in wire.client.said)
        assert served.by_asgi == 1


async def test_both_ways_take_turns_on_one_connection(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    async with service(tmp_path, make_tiny_bundle) as served:
        wire = served.wire(ConnectionLimits(pipelined=1000))
        get = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
        await wire.send(b"".join([predict(), get, predict(WRONG), get] * 5))
        assert await answers(wire, 20) == [200, 200, 422, 200] * 5
        assert served.by_asgi == 10


async def test_requests_that_are_refused_at_once_do_not_nest(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    async with service(tmp_path, make_tiny_bundle, access_log_per_second=0) as served:
        wire = served.wire(ConnectionLimits(pipelined=10_000))
        await wire.send(predict(b"{}") * 400)
        assert await answers(wire, 400) == [422] * 400
        assert served.by_asgi == 0


async def test_the_request_of_a_client_that_leaves_is_dropped(
    tmp_path: Path, make_tiny_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    async with service(tmp_path, make_tiny_bundle, **WAITS) as served:
        with caplog.at_level(logging.INFO, "plimsoll.access"):
            wire = served.wire()
            await wire.send(predict())
            assert served.in_flight() == 1
            wire.client.close()
            await eventually(lambda: served.in_flight() == 0)
        assert [record.__dict__["status"] for record in caplog.records if record.name == "plimsoll.access"] == [499]
        assert wire.client.said == b""


async def test_a_request_whose_time_is_over_gets_504(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    async with service(tmp_path, make_tiny_bundle, **WAITS) as served:
        wire = served.wire()
        await wire.send(predict(ROW, b"X-Request-Timeout-Ms: 1"))
        assert await answers(wire, 1) == [504]
        assert served.by_asgi == 0


@pytest.mark.parametrize(
    "end", [lambda wire: wire.connection.shutdown(), lambda wire: wire.connection.eof_received()], ids=["stop", "eof"]
)
async def test_a_connection_that_ends_gets_the_answer_that_is_under_way(
    tmp_path: Path, make_tiny_bundle: MakeBundle, end: Callable[[Wire], object]
) -> None:
    async with service(tmp_path, make_tiny_bundle, **WAITS) as served:
        wire = served.wire()
        await wire.send(predict())
        assert wire.client.said == b""
        end(wire)
        assert not wire.over()
        await eventually(wire.over)
        assert wire.statuses[-1] == 200  # the client that may have left has got an interim answer before
        assert b"\r\nconnection: close\r\n" in wire.client.said


async def test_after_the_end_of_what_a_client_sends_its_last_requests_are_answered(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    async with service(tmp_path, make_tiny_bundle) as served:
        wire = served.wire()
        wire.connection.data_received(predict(b"{}") * 3)
        wire.connection.eof_received()
        assert await answers(wire, 3) == [422] * 3
        await eventually(wire.over)


async def test_while_the_client_does_not_read_nothing_is_begun(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    async with service(tmp_path, make_tiny_bundle) as served:
        wire = served.wire()
        wire.connection.pause_writing()
        await wire.send(predict(b"{}") * 2)
        assert wire.client.said == b""
        wire.connection.resume_writing()
        assert await answers(wire, 2) == [422, 422]


async def test_an_error_that_nobody_expects_is_answered_and_logged(
    tmp_path: Path, make_tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with service(tmp_path, make_tiny_bundle) as served:

        def fail(*_: object) -> None:
            raise ZeroDivisionError("unlucky")

        wire = served.wire()
        monkeypatch.setattr("plimsoll.fronts.v1_json.V1Json.reply", fail)
        await wire.send(predict(ROW, b"X-Request-Id: r-1"))
        assert await answers(wire, 1) == [500]
        error = json.loads(wire.client.said.rpartition(b"\r\n\r\n")[2])["error"]
        assert error["code"] == "internal"
        assert error["request_id"] == "r-1"
        assert "unlucky" in caplog.text
        assert served.in_flight() == 0


def test_it_needs_no_private_name_of_uvicorn_or_asyncio() -> None:
    source = Path(short_exchange.__file__).read_text(encoding="utf-8")
    assert "uvicorn" not in source
    for name in (name for name in dir(asyncio.Future) + dir(asyncio.AbstractEventLoop) if name.startswith("_asyncio")):
        assert name not in source
