"""A model that hangs and a client that means harm: Kubernetes restarts the one, and nobody notices the other."""

from __future__ import annotations

import json
import time

import pytest

from tests.e2e.client_pod import ClientPod, LoadPod, pod_of
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import OWN_MODEL, Release, is_ready, parsed, restarts
from tests.e2e.steady import FEWEST, Steady, counts, report_over
from tests.e2e.transcript import Transcript

PODS = 3
RATE = 20
"""Requests per second for each pod."""
HANGING = "hanging"
_TYPED = (
    *(f"replicas={PODS}", "shutdown.waitSeconds=2", "shutdown.drainSeconds=5"),
    *("probes.liveness.periodSeconds=2", "probes.liveness.failureThreshold=2", "probes.readiness.periodSeconds=2"),
)
ASK_FOR_EVER = """
import http.client, json, sys
body = json.dumps({"features": [0.5, 0.25] + [0.0] * 782})
connection = http.client.HTTPConnection(sys.argv[1], 8000, timeout=2)
try:
    connection.request("POST", "/v1/predict", body, {"Content-Type": "application/json"})
    print(connection.getresponse().status)
except TimeoutError:
    print("hangs")
"""


@pytest.mark.parametrize(
    "budget_ms",
    [
        pytest.param("0", id="in a thread", marks=pytest.mark.e2e_full),
        pytest.param("1000", id="on the event loop", marks=pytest.mark.e2e),
    ],
)
def test_a_model_that_hangs_is_restarted_and_the_other_pods_lose_nothing(
    budget_ms: str, cluster: Cluster, hanging_image: str, client: ClientPod, transcript: Transcript
) -> None:
    """`budget_ms` is the time below which a batch runs on the event loop."""
    settings = {"PLIMSOLL_STUCK_SECONDS": "5", "PLIMSOLL_INLINE_BUDGET_MS": budget_ms}
    environment = [
        part
        for number, (name, value) in enumerate(settings.items())
        for part in (f"extraEnv[{number}].name={name}", f"extraEnv[{number}].value={value}")
    ]
    values = (*OWN_MODEL, *environment)
    release = Release(cluster, hanging_image, HANGING, *values, typed=_TYPED)
    release.install()
    hung, *others = release.pods()
    addresses = [pod["status"]["podIP"] for pod in others]
    loads = [
        LoadPod(cluster, hanging_image, address, f"load-beside-hung-{number}", "", f"--rate={RATE}")
        for number, address in enumerate(addresses)
    ]
    for load in loads:
        load.start()
    started = time.monotonic()
    said = client.execute("python", "-c", ASK_FOR_EVER, hung["status"]["podIP"])
    assert said.strip() == "hangs"

    def restarted() -> bool:
        pod = cluster.get("pod", hung["metadata"]["name"])
        return restarts(pod) == 1 and is_ready(pod)

    eventually("the restart of the pod whose model hangs", restarted, timeout_seconds=180)
    away_seconds = time.monotonic() - started
    time.sleep(max(0.0, started + 1.1 * FEWEST / (RATE * len(loads)) - time.monotonic()))
    reports = [load.stop() for load in loads]
    for load in loads:
        load.remove()
    sent, failed = sum(report["sent"] for report in reports), sum(report["failed"] for report in reports)
    transcript.note(
        f"a model hangs ({'thread' if budget_ms == '0' else 'event loop'})",
        f"restarted and ready after {away_seconds:.0f} s; {sent} requests to the other pods, {failed} failed",
    )
    assert sent >= FEWEST
    assert failed == 0, str(reports)
    release.uninstall()


@pytest.mark.e2e
def test_a_hostile_pod_harms_nobody(cluster: Cluster, image: str, steady: Steady, transcript: Transcript) -> None:
    cluster.apply(pod_of("hostile", image, ["python", "/scripts/hostile.py", "steady"]))
    eventually("the hostile pod", lambda: is_ready(cluster.get("pod", "hostile")))
    load = LoadPod(cluster, image, "steady", "load-beside-hostile", "", "--rate=50")
    report = report_over(load, lambda: time.sleep(FEWEST / 50))
    cluster.execute("hostile", "sh", "-c", "kill -TERM 1")
    eventually("the end of the hostile pod", lambda: cluster.get("pod", "hostile")["status"]["phase"] == "Succeeded")
    did = parsed(cluster.kubectl("logs", "hostile"))
    cluster.kubectl("delete", "pod", "hostile")
    pods = steady.release.pods()
    transcript.note("beside a hostile pod", f"{counts(report)}; p100 {report['slowest_seconds']} s; {json.dumps(did)}")
    assert report["failed"] == 0, str(report)
    assert [restarts(pod) for pod in pods] == [0] * len(pods)
