from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from plimsoll.api.access_log import AccessLog
from plimsoll.inference.call import call_of
from starlette.types import Scope

from tests.doubles.asgi import http_scope


def ended(status: int | None, **facts: Any) -> Scope:
    """The scope of a request of which these facts are known."""
    scope = http_scope("/v1/predict", "POST")
    call = call_of(scope)
    call.status = status
    for name, fact in facts.items():
        setattr(call, name, fact)
    return scope


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Written:
    """An access log of two successes a second, and the lines in it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.clock = Clock()
        self._caplog = caplog
        self._log = AccessLog(2, self.clock)

    def end(self, *statuses: int | None, **facts: Any) -> None:
        """Requests that end with these statuses; `None` for one whose client was gone."""
        for status in statuses:
            self._log.write(ended(status, **facts), 0.0125)

    @property
    def lines(self) -> list[tuple[int | str, int]]:
        """Status of each line, and how many it says were left out."""
        return [(each.__dict__["status"], each.__dict__.get("unlogged", 0)) for each in self._caplog.records]


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Iterator[Written]:
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        yield Written(caplog)


def test_a_quiet_server_logs_every_request(written: Written) -> None:
    for _ in range(5):
        written.end(200, 204)
        written.clock.now += 1
    assert written.lines == [(200, 0), (204, 0)] * 5


def test_of_many_successes_some_are_logged_and_the_next_line_says_how_many_were_not(written: Written) -> None:
    written.end(*[200] * 7)
    assert written.lines == [(200, 0), (200, 0)]
    written.clock.now += 1
    written.end(200)
    assert written.lines[2:] == [(200, 5)]
    written.end(200)
    assert written.lines[3:] == [(200, 0)]


def test_a_failure_is_logged_however_many_successes_there_are(written: Written) -> None:
    written.end(*[200] * 3, 429, 500, 304, None)
    assert written.lines[2:] == [(429, 0), (500, 0), (304, 0), ("gone", 0)]


def test_of_many_failures_a_hundred_of_each_status_are_logged_in_a_second(written: Written) -> None:
    written.end(*[401] * 250, 429)
    assert written.lines == [(401, 0)] * 100 + [(429, 0)]
    written.clock.now += 1
    written.end(401, 401, 200)
    assert written.lines[101:] == [(401, 150), (401, 0), (200, 0)]


def test_who_asks_for_more_lines_of_successes_gets_as_many_of_failures(caplog: pytest.LogCaptureFixture) -> None:
    log = AccessLog(300, Clock())
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        for _ in range(400):
            log.write(ended(503), 0.001)
    assert len(caplog.records) == 300


def test_a_line_tells_route_durations_and_version_and_nothing_that_was_sent(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    written.end(200, model="tiny", version="1", queue_seconds=0.0015, forward_seconds=0.0025, named={"name": "secret"})
    line = caplog.records[0].__dict__
    told = {name: line[name] for name in ("method", "route", "status", "duration_ms", "model", "version")}
    assert told == {
        "method": "POST", "route": "unknown", "status": 200, "duration_ms": 12.5, "model": "tiny", "version": "1",
    }  # fmt: skip
    assert (line["queue_ms"], line["forward_ms"]) == (1.5, 2.5)
    assert "secret" not in str(line)


def test_a_line_tells_whose_key_it_was_and_the_address_it_came_from(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    written.end(200, principal="mobile-app")
    written.end(401)
    first, second = (record.__dict__ for record in caplog.records)
    assert (first["key"], first["peer"]) == ("mobile-app", "127.0.0.1")
    assert second["peer"] == "127.0.0.1"
    assert "key" not in second


def test_a_client_without_an_address_and_a_long_method_leave_a_short_line(caplog: pytest.LogCaptureFixture) -> None:
    scope = {**http_scope("/v1/predict", "M" * 60_000), "client": None}
    with caplog.at_level(logging.INFO, "plimsoll.access"):
        AccessLog(2).write(scope, 0.001)
    line = caplog.records[0]
    assert "peer" not in line.__dict__
    assert line.__dict__["method"] == "M" * 32
    assert len(line.getMessage()) < 100
