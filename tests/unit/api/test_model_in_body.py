"""Bodies that name their model: bounded before it is known, and counted once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from plimsoll.api.serving_state import Phase

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.counting_encoder import CountingEncoder, embeddings_of
from tests.unit.api.conftest import LIMITS, Edge
from tests.unit.eventually import eventually

PATH = "/openai/v1/embeddings"
BODY = json.dumps({"model": "words", "input": "good"}).encode()
LONG = json.dumps({"model": "words", "input": ["good"] * 100, "user": "ann " * 100}).encode()
JSON = {"content-type": "application/json"}


def exchange(edge: Edge, *chunks: bytes, complete: bool = True, **headers: str) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(edge.asgi, http_scope(PATH, "POST", JSON | named), chunks, complete=complete)


def error_of(done: Exchange) -> Any:
    return json.loads(b"".join(each.get("body", b"") for each in done.sent))["error"]


def serve(edge: Edge) -> None:
    edge.serve("words", "1", CountingEncoder(), task=embeddings_of)


@pytest.mark.parametrize("chunks", [(BODY,), (BODY[:5], BODY[5:]), (LONG,), (LONG[:900], LONG[900:])])
async def test_a_body_is_read_however_it_comes(edge: Edge, chunks: tuple[bytes, ...]) -> None:
    serve(edge)
    done = await exchange(edge, *chunks).run()
    assert done.status == 200
    assert edge.observer.last == ("words", "1", 200)
    assert edge.lanes[0].admission.bytes_in_flight == 0


async def test_a_body_that_stops_is_ended_and_counted_once(edge: Edge) -> None:
    serve(edge)
    done = await exchange(edge, BODY[:5], complete=False).run()
    assert (done.status, error_of(done)["code"]) == (408, "body_too_slow")
    assert [(outcome.status, outcome.model) for outcome in edge.observer.outcomes] == [(408, "")]


async def test_the_timeout_of_the_head_counts_from_the_first_byte(edge: Edge) -> None:
    serve(edge)
    done = await exchange(edge, BODY[:5], complete=False, x_request_timeout_ms="1").run()
    assert (done.status, error_of(done)["type"]) == (504, "server_error")


async def test_no_more_bodies_are_read_at_once_than_one_version_may_read(edge: Edge) -> None:
    serve(edge)
    waiting = [exchange(edge, BODY[:5], complete=False) for _ in range(LIMITS.admission.reading)]
    running = [asyncio.create_task(each.run()) for each in waiting]
    await eventually(lambda: all(each.read == 1 for each in waiting))
    done = await exchange(edge, BODY[:5], complete=False).run()
    assert (done.status, error_of(done)["type"]) == (429, "rate_limit_error")
    assert [outcome.status for outcome in edge.observer.outcomes] == [429]
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_server_that_stops_refuses_before_it_reads(edge: Edge) -> None:
    serve(edge)
    edge.state.phase = Phase.REFUSING
    done = await exchange(edge).run()
    assert (done.status, error_of(done)["code"]) == (503, "draining")
