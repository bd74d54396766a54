"""Predict requests that a busy, draining or late server turns away, and what is counted of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from plimsoll.api.serving_state import Phase
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import LaneLimits
from plimsoll.inference.batch_limits import BatchLimits

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.fake_time import ManualExecutor
from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge
from tests.unit.eventually import eventually

BODY = b'{"features": [0.25, 0.75]}'
PATH = "/v1/models/busy/predict"
JSON = {"content-type": "application/json", "content-length": str(len(BODY))}
ONE_AT_A_TIME = BatchLimits(max_rows=1, max_wait_seconds=0.0)


class Busy:
    """A model whose every run waits for the test."""

    def __init__(self, edge: Edge, requests: int = 8, bytes_: int = 100_000, reading: int | None = None) -> None:
        self.edge = edge
        self.model = EchoModel(inline_rows=0)
        self.executor = ManualExecutor()
        limits = LaneLimits(AdmissionLimits(requests, bytes_, reading), ONE_AT_A_TIME)
        self.lane = edge.serve("busy", "1", self.model, limits, self.executor)

    def exchange(self, *chunks: bytes, complete: bool = True, **headers: str) -> Exchange:
        """A request with a body in these chunks; without any, it fails where its body is looked at."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Exchange(self.edge.asgi, http_scope(PATH, "POST", JSON | named), chunks, complete=complete)

    async def hold(self, exchange: Exchange | None = None) -> tuple[Exchange, asyncio.Task[Exchange]]:
        """A request that has been admitted and waits."""
        exchange = exchange or self.exchange(BODY)
        before = self.lane.admission.requests_in_flight
        task = asyncio.create_task(exchange.run())
        await eventually(lambda: self.lane.admission.requests_in_flight == before + 1)
        return exchange, task

    async def finish(self) -> None:
        """Run everything that waits."""
        while self.lane.admission.requests_in_flight:
            self.executor.run_next()
            await asyncio.sleep(0)

    @property
    def ends(self) -> list[tuple[int, str]]:
        """Status and reason of every request that has ended."""
        return [(outcome.status, outcome.code) for outcome in self.edge.observer.outcomes]


def error_of(exchange: Exchange) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(exchange.sent[1]["body"])["error"]
    return error


async def test_a_full_queue_is_429_before_a_byte_of_the_body_is_read(edge: Edge) -> None:
    busy = Busy(edge, requests=1)
    _, first = await busy.hold()
    refused = await busy.exchange().run()
    assert (refused.status, refused.read) == (429, 0)
    assert refused.headers["retry-after"] == "1"
    error = error_of(refused)
    assert (error["code"], error["given"]) == ("overloaded", "1 requests are in flight")
    assert busy.ends == [(429, "overloaded")]
    assert edge.observer.last == ("busy", "1", 429)
    await busy.finish()
    assert (await first).status == 200
    assert len(busy.model.threads) == 1


async def test_more_bytes_than_fit_are_429_once_they_have_come_whatever_was_declared(edge: Edge) -> None:
    busy = Busy(edge, bytes_=60)
    _, first = await busy.hold()
    declared = busy.exchange(BODY, content_length="50")
    _, second = await busy.hold(declared)
    refused = await busy.exchange(BODY).run()
    assert refused.status == 429
    assert error_of(refused)["given"] == f"{2 * len(BODY)} bytes are in flight"
    await busy.finish()
    _, third = await busy.hold()
    await busy.finish()
    assert [(await each).status for each in (first, second, third)] == [200, 200, 200]


async def test_bodies_that_do_not_come_leave_the_queue_to_others_and_are_408(edge: Edge) -> None:
    busy = Busy(edge, requests=2, reading=3)
    silent = [busy.exchange(b"{", complete=False) for _ in range(3)]
    reading = [asyncio.create_task(each.run()) for each in silent]
    await eventually(lambda: busy.lane.admission.bodies_being_read == 3)
    refused = await busy.exchange(b"{", complete=False).run()
    assert (refused.status, error_of(refused)["code"]) == (429, "overloaded")
    assert error_of(refused)["expected"] == "at most 3 bodies being read"
    _, first = await busy.hold()
    _, second = await busy.hold()
    await asyncio.gather(*reading)
    for each in silent:
        assert (each.status, error_of(each)["code"]) == (408, "body_too_slow")
        assert each.headers["connection"] == "close"
    assert busy.ends == [(429, "overloaded"), *[(408, "body_too_slow")] * 3]
    await busy.finish()
    assert [(await each).status for each in (first, second)] == [200, 200]
    assert busy.lane.admission.bodies_being_read == 0


async def test_overload_changes_nothing_about_readiness_or_about_other_models(edge: Edge) -> None:
    busy = Busy(edge, requests=1)
    edge.serve("idle", "1", EchoModel())
    _, first = await busy.hold()
    assert (await edge.client.post(PATH, content=BODY, headers=JSON)).status_code == 429
    assert (await edge.client.get("/readyz")).status_code == 200
    assert (await edge.client.post("/v1/models/idle/predict", content=BODY, headers=JSON)).status_code == 200
    await busy.finish()
    assert (await first).status == 200


async def test_a_version_that_drains_is_503_before_a_byte_is_read_and_answers_those_inside(edge: Edge) -> None:
    busy = Busy(edge)
    _, first = await busy.hold()
    busy.lane.admission.close()
    refused = await busy.exchange().run()
    assert (refused.status, refused.read) == (503, 0)
    assert (error_of(refused)["code"], refused.headers["retry-after"]) == ("draining", "1")
    assert busy.ends == [(503, "draining")]
    await busy.finish()
    assert (await first).status == 200


async def test_a_request_that_is_not_answered_in_its_time_is_504_and_is_not_computed_later(edge: Edge) -> None:
    busy = Busy(edge)
    _, first = await busy.hold()
    late = await busy.exchange(BODY, x_request_timeout_ms="5").run()
    assert (late.status, error_of(late)["code"]) == (504, "deadline_exceeded")
    assert "retry-after" not in late.headers
    assert busy.ends == [(504, "deadline_exceeded")]
    await busy.finish()
    assert (await first).status == 200
    assert len(busy.model.threads) == 1


async def test_a_body_that_does_not_come_in_time_is_504_and_gives_its_permit_back(edge: Edge) -> None:
    busy = Busy(edge)
    late = await busy.exchange(b'{"features": ', complete=False, x_request_timeout_ms="5").run()
    assert (late.status, error_of(late)["code"]) == (504, "deadline_exceeded")
    assert busy.lane.admission.requests_in_flight == 0
    assert busy.ends == [(504, "deadline_exceeded")]


@pytest.mark.parametrize("value", ["0", "-1", "soon", "1.5", "", "٣", "1e3"])
async def test_a_time_that_is_none_is_422_before_a_byte_is_read(edge: Edge, value: str) -> None:
    busy = Busy(edge)
    scope = http_scope(PATH, "POST", JSON)
    scope["headers"].append((b"x-request-timeout-ms", value.encode()))
    refused = await Exchange(edge.asgi, scope, ()).run()
    assert (refused.status, refused.read) == (422, 0)
    error = error_of(refused)
    assert (error["code"], error["expected"]) == ("invalid_input", "a whole number of milliseconds above 0")
    assert busy.ends == [(422, "invalid_input")]


async def test_a_client_that_leaves_while_it_is_queued_is_counted_as_gone_and_not_computed(edge: Edge) -> None:
    busy = Busy(edge)
    _, first = await busy.hold()
    leaving, second = await busy.hold()
    leaving.leave()
    await second
    assert busy.ends == [(499, "client_gone")]
    assert busy.lane.admission.requests_in_flight == 1
    await busy.finish()
    assert (await first).status == 200
    assert len(busy.model.threads) == 1
    assert (edge.observer.in_flight, edge.state.in_flight) == (0, 0)


async def test_whatever_ended_a_request_the_next_one_is_admitted(edge: Edge) -> None:
    busy = Busy(edge, requests=1)
    exchange, leaving = await busy.hold()
    exchange.leave()
    await leaving
    for content in (b"", b"{", b'{"features": [1]}'):
        await busy.exchange(content).run()
    await busy.exchange(BODY, content_type="text/plain").run()
    await busy.exchange(BODY, x_request_timeout_ms="1").run()
    _, last = await busy.hold()
    await busy.finish()
    assert (await last).status == 200
    assert [code for code, _ in busy.ends] == [499, 400, 400, 422, 415, 504, 200]


async def test_requests_that_come_together_are_answered_from_one_batch(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    rows = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.25]]
    replies = await asyncio.gather(*(edge.client.post("/v1/predict", json={"features": row}) for row in rows))
    assert [reply.json()["predictions"][0]["probabilities"] for reply in replies] == rows
    assert [report.rows for report in edge.lane_observer.reports] == [3]


async def test_what_is_refused_while_the_server_stops_is_counted_like_any_other_refusal(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.state.phase = Phase.REFUSING
    reply = await edge.client.post("/v1/predict", json={"features": [0.5, 0.5]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "draining")
    assert [(outcome.status, outcome.code) for outcome in edge.observer.outcomes] == [(503, "draining")]
    assert edge.state.in_flight == edge.observer.in_flight == 0
