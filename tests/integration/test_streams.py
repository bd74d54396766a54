"""Streams and sessions of the real process: their end in a drain, under several workers, behind a prefix."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from benchmarks.slow_model import FACTORY, make_slow_bundle
from tests.integration.served_process import ServedProcess

REPOSITORY = Path(__file__).parents[2]
ROW = [0.0, 0.0, 0.0, 0.0]
MILLISECONDS = 100.0


class Slow:
    """A server of a model that takes 100 ms for each row."""

    def __init__(self, folder: Path) -> None:
        make_slow_bundle(folder, MILLISECONDS)
        self.process = ServedProcess(folder)

    def start(self, *, drain: str = "20", **environment: str) -> str:
        """The URL of the server, ready."""
        self.process.start(
            PYTHONPATH=str(REPOSITORY),
            PLIMSOLL_FACTORIES=FACTORY,
            PLIMSOLL_MAX_BATCH_ROWS="1",
            PLIMSOLL_STOP_WAIT_SECONDS="0.2",
            PLIMSOLL_STOP_DRAIN_SECONDS=drain,
            **environment,
        )
        return self.process.ready()

    def in_flight(self, url: str, requests: int) -> None:
        """Wait until so many requests are in flight, and the one that asks."""
        detailed = f"{url}/v1/health/detailed"
        self.process.wait_for(
            lambda: httpx.get(detailed).json()["requests_in_flight"] >= requests + 1 or None, "requests in flight"
        )


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    served = Slow(tmp_path / "models")
    yield served
    served.process.kill()


class Stream(threading.Thread):
    """Reads a stream to its end; `events` has the names and the data."""

    def __init__(self, url: str, rows: int) -> None:
        super().__init__()
        self._url = f"{url}/v1/predict"
        self._body = {"instances": [ROW] * rows}
        self.begun = threading.Event()
        self.events: list[tuple[str, Any]] = []
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        headers = {"accept": "text/event-stream"}
        try:
            with httpx.stream("POST", self._url, json=self._body, headers=headers, timeout=60) as response:
                name = ""
                for line in response.iter_lines():
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        self.events.append((name, json.loads(line.removeprefix("data: "))))
                        self.begun.set()
        except httpx.HTTPError as error:
            self.error = error

    def whole(self) -> list[tuple[str, Any]]:
        """Its events, once it has ended without an error of the connection."""
        self.join(60)
        assert not self.is_alive()
        assert self.error is None
        return self.events


def session(url: str) -> ClientConnection:
    return connect(f"{url.replace('http', 'ws')}/v1/models/slow/session")


def rest_of(open_: ClientConnection) -> tuple[list[Any], int, str]:
    """The ids of the answers that still come, and the code and reason of the close."""
    ids = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            ids.append(json.loads(open_.recv(30))["id"])
    assert open_.close_code is not None
    return ids, open_.close_code, open_.close_reason or ""


def ask(open_: ClientConnection, messages: int) -> None:
    for number in range(messages):
        open_.send(json.dumps({"id": number, "features": ROW}))


def test_a_drain_lets_streams_and_sessions_end_by_themselves(slow: Slow) -> None:
    url = slow.start()
    stream = Stream(url, 10)
    with session(url) as busy, session(url) as idle:
        assert stream.begun.wait(30)
        ask(busy, 3)
        slow.in_flight(url, 3)
        slow.process.signal()
        assert rest_of(idle)[:2] == ([], 1001)
        ids, code, reason = rest_of(busy)
    assert [name for name, _ in stream.whole()] == ["prediction"] * 10 + ["done"]
    assert (sorted(ids), code) == ([0, 1, 2], 1001)
    assert "stopping" in reason
    assert slow.process.exit_code() == 0
    log = slow.process.log()
    assert "stopping: drained" in log
    assert "unexpected" not in log
    lines = [line for line in slow.process.lines() if str(line.get("route", "")).startswith("/v1/")]
    told = [(line["method"], line["route"], line["status"]) for line in lines if "health" not in line["route"]]
    sessions = [("WEBSOCKET", "/v1/models/{name}/session", 101)] * 2
    assert sorted(told) == [("POST", "/v1/predict", 200), *sessions]


def test_what_outlasts_the_drain_ends_with_an_error_and_not_with_a_broken_connection(slow: Slow) -> None:
    url = slow.start(drain="1.5")
    stream = Stream(url, 100)
    with session(url) as open_:
        assert stream.begun.wait(30)
        ask(open_, 100)
        slow.in_flight(url, 2)
        slow.process.signal()
        ids, code, _ = rest_of(open_)
    *events, (name, data) = stream.whole()
    assert (name, data["error"]["code"]) == ("error", "draining")
    assert {name for name, _ in events} == {"prediction"}
    assert len(events) < 100
    assert (len(ids) < 100, code) == (True, 1001)
    assert slow.process.exit_code() == 0
    assert "stopping: drained" in slow.process.log()


def test_under_workers_and_behind_a_prefix(slow: Slow) -> None:
    url = slow.start(PLIMSOLL_WORKERS="2", PLIMSOLL_ROOT_PATH="/team")
    for at in (url, f"{url}/team"):
        with session(at) as open_:
            ask(open_, 1)
            assert json.loads(open_.recv(30))["id"] == 0
            assert [name for name, _ in Stream(at, 2).whole()] == ["prediction"] * 2 + ["done"]
    with session(url) as open_:
        slow.process.signal()
        assert rest_of(open_)[1] == 1001
    assert slow.process.exit_code() == 0
