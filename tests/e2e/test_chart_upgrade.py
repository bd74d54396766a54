"""From the chart before to this one, with both ways to apply: pods never become fewer, and nothing is in conflict."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster, CommandError
from tests.e2e.release import Release, image_values
from tests.e2e.transcript import Transcript
from tests.e2e.watch import pods_stay

pytestmark = pytest.mark.e2e_full

PREVIOUS = max((Path(__file__).parent / "previous").glob("plimsoll-*.tgz"))
OLDER = PREVIOUS.with_name("plimsoll-0.1.0.tgz")
"""Its values have one that 0.2.0 does not know."""
PODS = 2
KEEPING = "--reset-then-reuse-values"
REMOVED = "probes.startup.failureThreshold"


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_no_ready_pod_is_missed(  # what pytest gives
    cluster: Cluster, image: str, without_gpu: str, client: ClientPod, transcript: Transcript, server_side: str
) -> None:
    apply = f"--server-side={server_side}"
    release = Release(cluster, image, "older", "model.version=1", typed=(f"replicas={PODS}",))
    release.install(PREVIOUS, apply)
    for change, values in {
        "the chart alone": (),
        "model": ("model.version=2",),
        "resources": ("resources.requests.cpu=120m",),
        "image": image_values(without_gpu),
    }.items():
        with pods_stay(cluster, {"older-stable": PODS}, change) as seen:
            release.upgrade(*values, options=(KEEPING, apply))
        changes = len(seen["older-stable"]) - 1
        found = f"{PODS} of {PODS} ready through {changes} changes"
        transcript.note(f"{PREVIOUS.stem} to this chart, {apply}, {change}", found)
    assert client.request("http://older:8000/v1/predict", ROW)["status"] == 200
    release.uninstall()


def test_a_value_that_is_gone_is_refused_by_name_until_it_is_taken_back(
    cluster: Cluster, image: str, transcript: Transcript
) -> None:
    """charts/plimsoll/UPGRADING.md says how."""
    release = Release(cluster, image, "gone", typed=(f"{REMOVED}=120",))
    release.install(OLDER)
    before = release.the_pod()["metadata"]["uid"]
    with pytest.raises(CommandError, match="'failureThreshold' not allowed"):
        release.upgrade(options=(KEEPING,))
    assert release.the_pod()["metadata"]["uid"] == before
    release.upgrade(typed=(f"{REMOVED}=null", "probes.startup.budgetSeconds=120"), options=(KEEPING,))
    (container,) = release.settle()["spec"]["containers"]
    assert container["startupProbe"]["failureThreshold"] == 120
    transcript.note("a value that this chart does not know", "refused by name; after `=null` the upgrade goes through")
    release.uninstall()
