"""Which version a predict request asks for."""

from __future__ import annotations

import pytest
from plimsoll.api.ask import Ask
from plimsoll.api.auth import Gate
from plimsoll.api.request_body import BodyReader
from plimsoll.errors import NotFound
from plimsoll.fronts import V1
from plimsoll.inference.call import begin_call
from plimsoll.inference.deadlines import DeadlineLimits
from plimsoll.inference.line import Line
from plimsoll.inference.payloads import Target
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.served_version import ServedVersion

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.models import EchoModel
from tests.doubles.observers import RecordingObserver
from tests.unit.api.conftest import Edge

ROW = {"features": [0.25, 0.75]}


class Nothing:
    """A table of no version at all, which remembers what it was asked for."""

    def __init__(self) -> None:
        self.table = self
        self.asked: list[Target] = []

    def select(self, target: Target) -> ServedVersion:
        """Refuse."""
        self.asked.append(target)
        raise NotFound("there is nothing here")


@pytest.mark.parametrize(
    ("named", "headers", "target"),
    [
        ({}, {}, Target()),
        ({"name": "echo"}, {}, Target("echo")),
        ({"name": "echo", "version": "2"}, {}, Target("echo", "2")),
        ({}, {"X-Plimsoll-Version": "1"}, Target(pin="1")),
        ({"name": "echo"}, {"x-plimsoll-version": "canary"}, Target("echo", "canary")),
        ({"name": "echo", "version": "2"}, {"x-plimsoll-version": "1"}, Target("echo", "2")),
        ({}, {"X-Plimsoll-User": "ann"}, Target(key="ann")),
        ({}, {"x-plimsoll-user": "用户".encode().decode("latin-1")}, Target(key="用户")),
        ({}, {"x-plimsoll-user": "jürgen"}, Target(key="jürgen")),
        ({"name": "echo"}, {"x-plimsoll-user": "ann", "x-plimsoll-version": "1"}, Target("echo", "1", "ann")),
    ],
)
async def test_the_path_and_the_headers_make_the_target(
    named: dict[str, str], headers: dict[str, str], target: Target
) -> None:
    selector, observer = Nothing(), RecordingObserver()
    reading = ReadingPool(1000)
    line = Line(selector, DeadlineLimits(1, 1), reading, observer)
    scope = http_scope("/v1/predict", "POST", headers)
    begin_call(scope, "/v1/predict", named)
    ask = Ask(V1, Gate(None), line, observer, BodyReader(1000, 10.0, reading))
    assert (await Exchange(ask, scope, ()).run()).status == 404
    assert selector.asked == [target]
    assert [(outcome.status, outcome.code) for outcome in observer.outcomes] == [(404, "not_found")]


@pytest.mark.parametrize(
    ("path", "pin", "version"),
    [
        ("/v1/predict", "9", "9"),
        ("/v1/predict", "10", "10"),
        ("/v1/models/echo/predict", "9", "9"),
        ("/v1/models/echo/versions/10/predict", "9", "10"),
    ],
)
async def test_a_pinned_version_answers_and_the_path_goes_before_the_header(
    edge: Edge, path: str, pin: str, version: str
) -> None:
    edge.serve("echo", "9", EchoModel())
    edge.serve("echo", "10", EchoModel())
    reply = await edge.client.post(path, json=ROW, headers={"X-Plimsoll-Version": pin})
    assert reply.json()["version"] == reply.headers["x-plimsoll-version"] == version


async def test_an_unknown_version_in_the_header_is_404_with_what_there_is(edge: Edge) -> None:
    edge.serve("echo", "9", EchoModel())
    reply = await edge.client.post("/v1/predict", json=ROW, headers={"X-Plimsoll-Version": "latest"})
    assert reply.status_code == 404
    error = reply.json()["error"]
    assert (error["code"], error["expected"]) == ("version_not_found", "one of: 9")


async def test_a_version_in_the_header_that_is_not_ready_is_503_while_another_is(edge: Edge) -> None:
    edge.serve("echo", "9", EchoModel())
    edge.desire("echo", "10")
    reply = await edge.client.post("/v1/predict", json=ROW, headers={"X-Plimsoll-Version": "10"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "loading")
    assert (await edge.client.post("/v1/predict", json=ROW)).json()["version"] == "9"
