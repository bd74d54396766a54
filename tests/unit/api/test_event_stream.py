"""Streams of events, over ASGI: heads, events, errors, clients that leave, and the drain."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from plimsoll.access.keys import KeyRing
from plimsoll.api import event_stream
from plimsoll.api.serving_state import Phase
from starlette.types import Message, Receive, Scope, Send

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.models import EchoModel, SlowModel, flat_signature
from tests.unit.api.conftest import Edge
from tests.unit.eventually import eventually

EVENTS = {"accept": "text/event-stream", "content-type": "application/json"}
ROWS = {"instances": [[0.25, 0.75], [1, 0], [0, 1]]}


def ask(edge: Edge, body: object = ROWS, path: str = "/v1/predict", **headers: str) -> Exchange:
    """One request for events, not run yet."""
    named = EVENTS | {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(edge.asgi, http_scope(path, "POST", named), [json.dumps(body).encode()])


def events_of(exchange: Exchange) -> list[tuple[str, Any]]:
    """The events of a whole stream, as name and data."""
    text = b"".join(message["body"] for message in exchange.sent[1:]).decode()
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    lines = [block.split("\n") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/models/echo/predict", "/v1/models/echo/versions/3/predict"])
async def test_every_row_is_an_event_and_a_summary_ends_them(edge: Edge, path: str) -> None:
    edge.serve("echo", "3", EchoModel())
    exchange = await ask(edge, path=path).run()
    headers = exchange.headers
    assert exchange.status == 200
    assert headers["content-type"] == "text/event-stream"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert headers["x-plimsoll-version"] == "3"
    assert "content-length" not in headers
    *pieces, (last, summary) = events_of(exchange)
    assert {name for name, _ in pieces} == {"prediction"}
    by_row = {data["index"]: data["prediction"] for _, data in pieces}
    assert by_row == {n: {"class": "ba"[n % 2], "probabilities": ROWS["instances"][n]} for n in range(2)} | {
        2: {"class": "b", "probabilities": [0, 1]}
    }
    assert last == "done"
    assert summary.pop("latency_ms") > 0
    assert summary == {"model": "echo", "version": "3", "rows": 3, "failed": 0}
    assert not exchange.sent[-1]["more_body"]
    (outcome,) = edge.observer.outcomes
    assert (outcome.protocol, outcome.status, outcome.streamed) == ("v1-stream", 200, True)
    assert [(piece.first, piece.failed) for piece in edge.observer.pieces] == [(True, False), *[(False, False)] * 2]
    assert edge.observer.in_flight == edge.state.in_flight == 0


async def test_a_bad_row_is_an_event_with_its_index_and_the_others_go_on(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel(flat_signature(2, minimum=0, maximum=1)))
    *pieces, (_, summary) = events_of(await ask(edge, {"instances": [[0, 1], [0, 9], [1, 0]]}).run())
    (error,) = [data["error"] for name, data in pieces if name == "error"]
    assert (error["code"], error["index"], error["given"]) == ("invalid_input", 1, "9")
    assert len(error["request_id"]) == 32
    assert (summary["rows"], summary["failed"]) == (3, 1)
    assert edge.observer.outcomes[0].status == 200
    assert sorted(piece.failed for piece in edge.observer.pieces) == [False, False, True]


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("application/json;q=0.5, text/event-stream", True),
        ("application/json, text/event-stream", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream-2", False),
        ("*/*", False),
        ("Text/Event-Stream;q=0.9, text/csv;q=0.3", False),
    ],
)
async def test_accept_decides(edge: Edge, accept: str, streams: bool) -> None:
    edge.serve("echo", "3", EchoModel())
    exchange = await ask(edge, accept=accept).run()
    assert (exchange.headers["content-type"] == "text/event-stream") is streams


async def test_csv_in_and_events_out(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    scope = http_scope("/v1/predict", "POST", EVENTS | {"content-type": "text/csv"})
    exchange = await Exchange(edge.asgi, scope, [b"x,y\n0,1\n1,0\n"]).run()
    assert [name for name, _ in events_of(exchange)] == ["prediction", "prediction", "done"]


async def test_the_open_inference_protocol_has_no_events(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    exchange = await ask(edge, {}, "/v2/models/echo/infer").run()
    assert exchange.status == 400
    assert edge.observer.outcomes[0].protocol == "v2"


@pytest.mark.parametrize(
    ("body", "path", "headers", "status", "code"),
    [
        ({"instances": []}, "/v1/predict", {}, 422, "invalid_input"),
        ({}, "/v1/models/ghost/predict", {}, 404, "model_not_found"),
        (ROWS, "/v1/predict", {"content_type": "image/png"}, 415, "unsupported_media_type"),
        (ROWS, "/v1/predict", {"x_request_timeout_ms": "soon"}, 422, "invalid_input"),
        (ROWS, "/v1/predict", {"origin": "http://evil.example"}, 403, "origin_not_allowed"),
    ],
)
async def test_an_error_of_the_request_is_a_reply_like_any_other(
    edge: Edge, body: object, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    edge.serve("echo", "3", EchoModel())
    exchange = await ask(edge, body, path, **headers).run()
    assert exchange.status == status
    assert json.loads(exchange.sent[1]["body"])["error"]["code"] == code
    assert [(each.protocol, each.status, each.code) for each in edge.observer.outcomes] == [("v1-stream", status, code)]
    assert edge.observer.pieces == []


async def test_a_key_is_needed_where_keys_are_set(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    edge.gate.use(KeyRing())
    assert (await ask(edge).run()).status == 401


async def test_what_comes_too_late_is_a_reply_before_the_first_event_and_an_event_after_it(edge: Edge) -> None:
    model = SlowModel()
    edge.serve("echo", "3", model)
    exchange = await ask(edge, x_request_timeout_ms="50").run()
    model.release.set()
    assert exchange.status == 504
    assert edge.observer.outcomes[0].code == "deadline_exceeded"


async def test_a_client_that_leaves_is_counted_as_gone(edge: Edge) -> None:
    model = SlowModel()
    lane = edge.serve("echo", "3", model)
    exchange = ask(edge)
    running = asyncio.ensure_future(exchange.run())
    await eventually(model.running.is_set)
    exchange.leave()
    await asyncio.wait_for(running, 30)
    assert [(each.status, each.code) for each in edge.observer.outcomes] == [(499, "client_gone")]
    assert lane.admission.requests_in_flight == edge.observer.in_flight == edge.state.in_flight == 0
    model.release.set()


async def test_a_comment_keeps_a_quiet_stream_alive_and_begins_the_answer(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.05)
    model = SlowModel()
    edge.serve("echo", "3", model)
    exchange = ask(edge)
    running = asyncio.ensure_future(exchange.run())
    await eventually(lambda: len(exchange.sent) >= 3)
    assert exchange.sent[1]["body"].startswith(b": ")
    assert exchange.sent[1]["body"].endswith(b"\n\n")
    model.release.set()
    await asyncio.wait_for(running, 30)
    assert [name for name, _ in events_of(exchange)] == ["prediction"] * 3 + ["done"]


class Clock:
    """The clocks of `time`, which counts how often the first of them is read."""

    perf_counter = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self.reads = 0

    def monotonic(self) -> float:
        """The time."""
        self.reads += 1
        return time.monotonic()


async def test_a_client_that_does_not_read_is_sent_no_comment_and_waited_for_in_peace(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, reads = Clock(), asyncio.Event()
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.02)
    monkeypatch.setattr(event_stream, "time", clock)
    edge.serve("echo", "3", EchoModel())

    async def read_slowly(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_slowly(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                await reads.wait()

        await edge.asgi(scope, receive, send_slowly)

    scope = http_scope("/v1/predict", "POST", EVENTS)
    exchange = Exchange(read_slowly, scope, [json.dumps(ROWS).encode()])
    running = asyncio.ensure_future(exchange.run())
    await eventually(lambda: len(exchange.sent) == 2)
    await asyncio.sleep(0.2)
    assert len(exchange.sent) == 2
    assert clock.reads < 100
    reads.set()
    await asyncio.wait_for(running, 30)
    assert [name for name, _ in events_of(exchange)] == ["prediction"] * 3 + ["done"]


async def test_an_error_of_the_request_after_the_head_is_the_last_event(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.02)
    model = SlowModel()
    edge.serve("echo", "3", model)
    exchange = await ask(edge, x_request_timeout_ms="200").run()
    model.release.set()
    ((name, data),) = events_of(exchange)
    assert (name, data["error"]["code"]) == ("error", "deadline_exceeded")
    assert "index" not in data["error"]
    assert not exchange.sent[-1]["more_body"]
    assert edge.observer.outcomes[0].status == 504


async def test_a_drain_lets_a_stream_end_and_cuts_it_off_with_an_error_when_the_time_is_over(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.02)
    model = SlowModel()
    edge.serve("echo", "3", model)
    exchange = ask(edge)
    running = asyncio.ensure_future(exchange.run())
    await eventually(lambda: exchange.sent)
    edge.state.refuse()
    assert (await ask(edge).run()).status == 503
    await asyncio.sleep(0.05)
    assert not running.done()
    edge.state.cut_off()
    await asyncio.wait_for(running, 30)
    model.release.set()
    ((name, data),) = events_of(exchange)
    assert (name, data["error"]["code"]) == ("error", "draining")
    assert edge.state.phase is Phase.REFUSING
    assert [each.code for each in edge.observer.outcomes] == ["draining", "draining"]


async def test_a_fault_of_ours_ends_the_stream_and_says_nothing_of_itself(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    edge.serve("echo", "3", EchoModel())
    events: list[object] = []

    def piece(*_: object) -> bytes:
        if events:
            raise ValueError("secret")
        events.append(1)
        return b"event: prediction\ndata: {}\n\n"

    monkeypatch.setattr("plimsoll.fronts.v1_events.V1Events.piece", piece)
    _, (name, data) = events_of(await ask(edge).run())
    assert (name, data["error"]["code"]) == ("error", "internal")
    assert "secret" not in json.dumps(data)
    assert "unexpected error" in caplog.text
    assert edge.observer.outcomes[0].status == 500
