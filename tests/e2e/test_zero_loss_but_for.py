"""What nobody plans fails requests: those in flight, and those sent before Kubernetes knows. They are counted.

Two pods under load; one of them is forced out, or killed, or its node loses power. Clients try nothing twice.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.cluster import eventually, run
from tests.e2e.load import PATIENCE_SECONDS
from tests.e2e.node_pod import kill_server
from tests.e2e.release import restarts, seconds_away
from tests.e2e.steady import IN_FLIGHT, NAME, PODS, RATE, Steady, counts
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

Power = Callable[[str, str], None]


@pytest.fixture
def power() -> Power:
    """Switches a node `off` or `on`."""
    commands = {state: os.environ.get(f"PLIMSOLL_E2E_POWER_{state.upper()}", "") for state in ("off", "on")}
    if not all(commands.values()):
        pytest.skip("set PLIMSOLL_E2E_POWER_OFF and PLIMSOLL_E2E_POWER_ON, as tests/e2e/README.md says")

    def switch(node: str, state: str) -> None:
        number = node.rpartition("-")[2]
        run(*(part.format(node=node, number=number) for part in shlex.split(commands[state])))

    return switch


def test_a_pod_without_grace_loses_what_is_in_flight(steady: Steady, transcript: Transcript) -> None:
    name = steady.release.pods()[0]["metadata"]["name"]

    def force_out() -> None:
        steady.cluster.kubectl("delete", "pod", name, "--force", "--grace-period=0")

    report = steady.report_over("force a pod out", force_out)
    transcript.note("requests over: force a pod out", counts(report))
    assert report["failed"] <= IN_FLIGHT, str(report)


def test_a_killed_server_loses_what_is_in_flight_and_what_comes_until_kubernetes_sees_it(
    steady: Steady, image: str, transcript: Transcript
) -> None:
    """By SIGKILL, as the kernel does it to a container that takes more memory than it may."""
    pod = steady.release.pods()[0]
    report = steady.report_over("kill a server", lambda: kill_server(image, pod))
    transcript.note("requests over: kill a server", counts(report))
    killed = steady.cluster.get("pod", pod["metadata"]["name"])
    assert restarts(killed) == 1
    refused = _failed(report, "ConnectionRefusedError")
    assert report["failed"] - refused <= IN_FLIGHT, str(report)
    assert refused <= RATE * (seconds_away(killed) + 1), str(report)


def test_a_node_without_power_loses_what_is_sent_to_it_until_kubernetes_sees_it(
    steady: Steady, power: Power, transcript: Transcript
) -> None:
    first, second = steady.release.pods()
    lost, kept = first["spec"]["nodeName"], second["spec"]["nodeName"]
    if lost == kept:
        pytest.skip("needs two nodes with room for a pod each")
    noticed_seconds = 0.0

    def cut_power() -> None:
        nonlocal noticed_seconds
        power(lost, "off")
        cut = time.monotonic()
        try:
            eventually("the end of its endpoint", lambda: steady.ready_endpoints() == PODS - 1)
            noticed_seconds = time.monotonic() - cut
            time.sleep(PATIENCE_SECONDS)  # what is still to fail has failed
        finally:
            power(lost, "on")

    # By its address and from the other node: neither DNS nor the clients lose power.
    address = steady.cluster.get("service", NAME)["spec"]["clusterIP"]
    report = steady.report_over("cut a node s power", cut_power, address, kept)
    transcript.note("requests over: cut a node's power", f"{counts(report)}; noticed in {noticed_seconds:.0f} s")
    assert set(report["by_status"]) == {"200"}, str(report)
    assert report["failed"] <= RATE * (noticed_seconds + 1), str(report)


def _failed(report: dict[str, Any], error: str) -> int:
    return sum(count for name, count in report["errors"].items() if name.startswith(error))
