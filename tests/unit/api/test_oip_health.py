"""The health routes of the protocol: like the probes, and an error in its form where they are not 200."""

from __future__ import annotations

import time

import pytest
from plimsoll.access.keys import KeyRing
from plimsoll.api.serving_state import Phase
from plimsoll.inference.payloads import Target

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge

LIVE, READY = "/v2/health/live", "/v2/health/ready"


async def test_a_server_that_serves_is_live_and_ready_in_the_words_of_every_client(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    live, ready = await edge.client.get(LIVE), await edge.client.get(READY)
    assert (live.status_code, live.json()) == (200, {"live": True})
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "live": True})


async def test_a_server_that_loads_is_live_and_says_what_it_waits_for(edge: Edge) -> None:
    edge.desire("echo", "1")
    reply = await edge.client.get(READY)
    assert (reply.status_code, reply.json()) == (503, {"error": "this server is not ready: echo 1: loading"})
    assert reply.headers["retry-after"] == "1"
    assert (await edge.client.get(LIVE)).status_code == 200


@pytest.mark.parametrize("phase", [Phase.LEAVING, Phase.REFUSING])
async def test_a_server_that_stops_is_live_and_not_ready(edge: Edge, phase: Phase) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.state.phase = phase
    reply = await edge.client.get(READY)
    assert (reply.status_code, reply.json()) == (
        503, {"error": "this server is not ready: the server was told to stop"},
    )  # fmt: skip
    assert (await edge.client.get(LIVE)).status_code == 200


async def test_a_forward_pass_that_hangs_for_too_long_is_not_live(edge: Edge) -> None:
    lane = edge.serve("echo", "1", EchoModel())
    edge.watchdog.watch(edge.registry.table.select(Target("echo")), slowest_warm_up_seconds=0.001, warmed_rows=1)
    lane.forward.since = time.perf_counter() - 130
    reply = await edge.client.get(LIVE)
    assert (reply.status_code, reply.json()) == (
        503, {"error": "this server is not live: a forward pass does not return"},
    )  # fmt: skip


@pytest.mark.parametrize("path", [LIVE, READY])
async def test_no_key_and_no_known_host_is_asked_for_as_a_probe_has_neither(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.gate.use(KeyRing(()))
    assert (await edge.client.get(path, headers={"host": "10.0.0.7:8000"})).status_code == 200
    head = await edge.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert (await edge.client.get(path + "/")).status_code == 404
