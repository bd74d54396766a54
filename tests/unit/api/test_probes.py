from __future__ import annotations

import time
from typing import Any

import pytest
from fastapi import Response
from plimsoll import __version__
from plimsoll.api.probes import Probes
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.background_tasks import TaskState
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import VersionRegistry, VersionState
from plimsoll.inference.payloads import Target
from plimsoll.watched_file import FileState

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge

READY = ["/readyz", "/v1/health", "/v1/health/detailed"]


async def ask(edge: Edge, path: str) -> tuple[int, Any, Any]:
    reply = await edge.client.get(path)
    return reply.status_code, reply.json()["status"], reply.json()["reasons"]


@pytest.mark.parametrize("phase", list(Phase))
async def test_the_process_is_live_whatever_its_phase_and_its_models(edge: Edge, phase: Phase) -> None:
    edge.state.phase = phase
    edge.desire("echo", "1")
    edge.registry.fail("echo", "1", "broken")
    assert await ask(edge, "/livez") == (200, "live", [])


async def test_a_forward_pass_that_hangs_makes_the_server_unready_and_then_not_live(edge: Edge) -> None:
    lane = edge.serve("echo", "1", EchoModel())
    served = edge.registry.table.select(Target("echo"))
    edge.watchdog.watch(served, slowest_warm_up_seconds=0.001, warmed_rows=1)
    lane.forward.since = time.perf_counter() - 61
    edge.registry.stick(served, stuck=True)
    assert await ask(edge, "/readyz") == (503, "stuck", ["echo 1: stuck"])
    assert await ask(edge, "/livez") == (200, "live", [])
    lane.forward.since -= 60
    assert await ask(edge, "/livez") == (503, "stuck", ["a forward pass does not return"])
    reply = await edge.client.post("/v1/predict", json={"features": [1, 2]})
    assert (reply.status_code, reply.json()["error"]["code"], reply.headers["retry-after"]) == (503, "stuck", "1")


@pytest.mark.parametrize("path", [*READY, "/startupz"])
async def test_a_server_without_a_model_is_not_ready(edge: Edge, path: str) -> None:
    assert await ask(edge, path) == (503, "loading", ["no model is desired"])


@pytest.mark.parametrize("path", [*READY, "/startupz"])
async def test_a_server_is_ready_when_every_version_is(edge: Edge, path: str) -> None:
    edge.desire("echo", "1", "2")
    edge.serve("echo", "1", EchoModel())
    edge.registry.advance("echo", "2", VersionState.WARMING)
    assert await ask(edge, path) == (503, "loading", ["echo 2: warming"])
    edge.serve("echo", "2", EchoModel())
    assert await ask(edge, path) == (200, "started" if path == "/startupz" else "ready", [])


@pytest.mark.parametrize("path", [*READY, "/startupz"])
async def test_a_failed_version_is_told_with_its_reason(edge: Edge, path: str) -> None:
    edge.desire("echo", "2", "3")
    edge.registry.fail("echo", "2", "check 'golden' failed: it is off")
    assert await ask(edge, path) == (503, "failed", ["echo 2: check 'golden' failed: it is off", "echo 3: loading"])


@pytest.mark.parametrize("path", [*READY, "/startupz"])
async def test_a_failed_version_leaves_a_server_ready_that_serves_another(edge: Edge, path: str) -> None:
    edge.desire("echo", "1")
    edge.desire("other", "1")
    edge.registry.fail("other", "1", "broken")
    edge.serve("echo", "1", EchoModel())
    assert await ask(edge, path) == (200, "started" if path == "/startupz" else "ready", [])


@pytest.mark.parametrize("path", [*READY, "/startupz"])
async def test_a_server_that_was_ready_stays_so_while_newcomers_load_or_fail(edge: Edge, path: str) -> None:
    good: tuple[int, str, list[str]] = (200, "started" if path == "/startupz" else "ready", [])
    edge.serve("echo", "1", EchoModel())
    edge.desire("echo", "2", "3")
    assert await ask(edge, path) == good
    edge.registry.fail("echo", "2", "broken")
    assert await ask(edge, path) == good


@pytest.mark.parametrize("path", READY)
async def test_a_server_that_was_ready_stays_so_while_a_new_model_loads_or_fails(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.desire("other", "1")
    assert await ask(edge, path) == (200, "ready", [])
    edge.registry.fail("other", "1", "broken")
    assert await ask(edge, path) == (200, "ready", [])


@pytest.mark.parametrize("path", READY)
async def test_a_server_is_unready_when_a_model_that_served_has_no_version_that_answers(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.serve("other", "1", EchoModel())
    edge.desire("other", "2")
    edge.registry.retire("other", "1")
    assert await ask(edge, path) == (503, "loading", ["other 2: loading"])


@pytest.mark.parametrize("path", READY)
async def test_a_version_that_is_loaded_anew_and_one_that_drains_leave_the_server_ready(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.serve("echo", "2", EchoModel())
    edge.registry.advance("echo", "2", VersionState.WARMING)
    assert (await ask(edge, path))[0] == 200
    edge.registry.fail("echo", "2", "check 'digest' failed")
    assert (await ask(edge, path))[0] == 200
    edge.registry.desire(DesiredState(models=[DesiredModel(name="echo", versions=[DesiredVersion(version="2")])]))
    edge.registry.retire("echo", "1")
    assert (await ask(edge, path))[0] == 200


@pytest.mark.parametrize("path", [*READY, "/startupz"])
async def test_a_desired_state_that_cannot_be_read_is_the_reason_where_nothing_is_desired(
    edge: Edge, path: str
) -> None:
    edge.registry.keep("the desired state x.yaml is not YAML")
    assert await ask(edge, path) == (503, "loading", ["the desired state x.yaml is not YAML"])


@pytest.mark.parametrize("path", READY)
async def test_a_desired_state_that_cannot_be_read_leaves_a_server_that_serves_ready(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.registry.keep("the desired state x.yaml is not YAML")
    assert await ask(edge, path) == (200, "ready", [])


@pytest.mark.parametrize("path", READY)
async def test_a_server_whose_models_are_ready_waits_for_its_phase(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.state.phase = Phase.STARTING
    assert await ask(edge, path) == (503, "loading", ["the server is starting"])


@pytest.mark.parametrize("phase", [Phase.LEAVING, Phase.REFUSING])
async def test_a_server_that_was_told_to_stop_is_unready_and_stays_started(edge: Edge, phase: Phase) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.state.phase = phase
    assert await ask(edge, "/readyz") == (503, "draining", ["the server was told to stop"])
    assert (await ask(edge, "/startupz"))[0] == 200


async def test_detailed_health_tells_what_an_operator_looks_at_first(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.desire("echo", "2")
    edge.registry.fail("echo", "2", "broken")
    health = (await edge.client.get("/v1/health/detailed")).json()
    assert health["server_version"] == __version__
    assert health["uptime_seconds"] > 0
    assert health["cpu_percent"] >= 0
    assert health["memory_bytes"] > 1 << 20
    assert health["threads"] >= 1
    assert health["requests_in_flight"] == 1
    assert health["devices"] == [{"device": "cuda:0", "used_bytes": 1, "total_bytes": 2}]
    assert health["versions"] == [
        {"model": "echo", "version": "1", "state": "ready", "reason": None},
        {"model": "echo", "version": "2", "state": "failed", "reason": "broken"},
    ]


async def test_detailed_health_tells_how_the_background_tasks_and_the_followed_files_are() -> None:
    tasks = [TaskState("keys", running=True, restarts=2, reason="ValueError")]
    files = [FileState("keys", "the key file keys.yaml is not YAML"), FileState("desired_state")]
    probes = Probes(ServingState(), VersionRegistry(), list, lambda: False, lambda: tasks, lambda: files)
    health = await probes.detailed(Response())
    assert [each.model_dump() for each in health.background_tasks] == [
        {"task": "keys", "running": True, "restarts": 2, "reason": "ValueError"}
    ]
    assert [each.model_dump() for each in health.files] == [
        {"file": "keys", "reason": "the key file keys.yaml is not YAML"},
        {"file": "desired_state", "reason": ""},
    ]
