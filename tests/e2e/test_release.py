"""A release from installation to removal, in the order of this file."""

from __future__ import annotations

import json
import re
import time

import pytest

from tests.e2e.client_pod import ROW, SCRIPTS, ClientPod, LoadPod, pod_of
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import Release, is_ready, restarts, seconds_to_ready
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

_PREDICT = "http://plimsoll:8000/v1/predict"
_ROW = ROW
_LOOK_AROUND = """
import json, os, pathlib
def writable(folder):
    try:
        (pathlib.Path(folder) / "probe").write_text("x")
    except OSError as error:
        return type(error).__name__ + " " + str(error.errno)
    return True
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(),
    "root": writable("/"), "models": writable("/models"), "tmp": writable("/tmp"),
    "token": os.path.exists("/var/run/secrets/kubernetes.io"),
    "links": sorted(name for name in os.environ if name.startswith("PLIMSOLL_") and "8000_TCP" in name),
}))
"""

_LOAD_VERSION_2 = """
import json, urllib.error, urllib.request
url = "http://127.0.0.1:8002/v1/models/digits/versions/2/load"
try:
    urllib.request.urlopen(urllib.request.Request(url, method="POST"))
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code, **json.load(error)}))
"""


@pytest.fixture(scope="module")
def others(cluster: Cluster) -> set[str]:
    """The objects that are there before the release, and those that its tests make."""
    return cluster.everything() | {"pod/client", "pod/load", f"configmap/{SCRIPTS}"}


def test_an_install_with_only_the_image_set_becomes_ready(
    release: Release, others: set[str], transcript: Transcript
) -> None:
    assert "deployment.apps/plimsoll-stable" not in others
    release.install()
    pod = release.the_pod()
    assert is_ready(pod)
    assert restarts(pod) == 0
    transcript.note("container start to ready", f"{seconds_to_ready(pod):.0f} s")
    for kind, size in release.idle_bytes(pod).items():
        transcript.note(f"idle memory, {kind}", f"{size / 1e6:.0f} MB")


def test_the_service_recognises_the_ten_sample_digits(client: ClientPod, transcript: Transcript) -> None:
    answers = [client.classify(f"/examples/digits/{digit}.png") for digit in range(10)]
    assert [int(answer["predictions"][0]["class"]) for answer in answers] == list(range(10))
    assert {(answer["model"], answer["version"]) for answer in answers} == {("digits", "2")}
    transcript.note("sample digits recognised", f"{len(answers)} of 10")


def test_every_answer_names_the_version_that_served(client: ClientPod) -> None:
    answer = client.request(_PREDICT, _ROW)
    assert answer["status"] == 200
    assert answer["headers"]["x-plimsoll-version"] == "2"


def test_the_metrics_count_the_requests_on_a_port_of_their_own(client: ClientPod, release: Release) -> None:
    pod_ip = release.the_pod()["status"]["podIP"]
    before = _predictions_counted(client, pod_ip)
    assert before == 11  # ten pictures and one row
    for _ in range(3):
        client.request(_PREDICT, _ROW)
    assert _predictions_counted(client, pod_ip) == before + 3
    assert client.request("http://plimsoll:8000/metrics")["status"] == 404


def test_the_live_pod_is_as_restricted_as_its_manifest_says(cluster: Cluster, release: Release) -> None:
    pod = release.the_pod()
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["enableServiceLinks"] is False
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"] == {
        "fsGroup": 65532,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    seen = json.loads(cluster.execute(pod["metadata"]["name"], "python", "-c", _LOOK_AROUND))
    assert seen.pop("root").startswith(("OSError 30", "PermissionError 13"))
    assert seen.pop("models").startswith(("OSError 30", "PermissionError 13"))
    assert seen == {"uid": 65532, "gid": 65532, "tmp": True, "token": False, "links": []}


def test_the_admin_api_is_the_pod_s_own_and_leaves_the_desired_state_to_helm(
    cluster: Cluster, release: Release, client: ClientPod
) -> None:
    pod = release.the_pod()
    refused = json.loads(cluster.execute(pod["metadata"]["name"], "python", "-c", _LOAD_VERSION_2))
    assert (refused["status"], refused["error"]["code"]) == (409, "desired_state_not_writable")
    assert "helm upgrade" in refused["error"]["message"]
    assert client.request(f"http://{pod['status']['podIP']}:8002/v1/models")["status"] == 0, "from outside it is closed"


def test_helm_test_passes(release: Release) -> None:
    assert re.search(r"Phase:\s+Succeeded", release.test())


@pytest.mark.usefixtures("client")  # which brings the scripts
def test_a_pod_with_service_links_says_what_is_wrong(cluster: Cluster, image: str) -> None:
    # Kubernetes injects PLIMSOLL_PORT=tcp://... for the Service `plimsoll` wherever a pod does not forbid it.
    cluster.apply(pod_of("linked", image, None, enableServiceLinks=True))
    eventually("the linked pod's end", lambda: cluster.get("pod", "linked")["status"]["phase"] == "Failed")
    log = cluster.kubectl("logs", "linked")
    assert "PLIMSOLL_PORT" in log
    assert "tcp://" in log
    assert "service links" in log
    cluster.kubectl("delete", "pod", "linked")


def test_an_upgrade_under_load_fails_no_request(
    cluster: Cluster, release: Release, image: str, transcript: Transcript, client: ClientPod
) -> None:
    load = LoadPod(cluster, image)
    load.start()
    time.sleep(3)  # some requests to the old version
    release.upgrade("model.version=1")
    pod = release.settle()
    time.sleep(2)  # and some to the new one alone
    report = load.stop()
    transcript.note("requests over the upgrade", f"{report['sent']} sent, {report['failed']} failed")
    transcript.note("answered by version", ", ".join(f"{name}: {n}" for name, n in sorted(report["versions"].items())))
    transcript.note("connections, slowest answer", f"{report['connections']}, {report['slowest_seconds']} s")
    transcript.note("container start to ready, under load", f"{seconds_to_ready(pod):.0f} s")
    assert report["failed"] == 0, str(report)
    assert report["sent"] == report["ok"] > 0
    assert set(report["versions"]) == {"1", "2"}
    assert client.request(_PREDICT, _ROW)["headers"]["x-plimsoll-version"] == "1"


def test_a_missing_bundle_is_named_and_never_takes_traffic(
    cluster: Cluster, release: Release, client: ClientPod
) -> None:
    old = release.the_pod()["metadata"]["name"]
    release.upgrade("model.version=99", wait=False)
    broken = eventually(
        "the new pod", lambda: next((pod for pod in release.pods() if pod["metadata"]["name"] != old), None)
    )["metadata"]["name"]
    log = eventually("the broken pod's log", lambda: _log_about(cluster, broken, "99"))
    assert "there is no bundle of digits version 99" in log
    assert "digits 1, 2" in log
    # The revision before keeps its own version, also when its container starts again in the middle of the upgrade.
    cluster.execute(old, "sh", "-c", "kill -TERM 1")
    eventually("the old pod's return", lambda: restarts(cluster.get("pod", old)) == 1)
    eventually("the old pod's readiness", lambda: is_ready(cluster.get("pod", old)))
    client.first_answer(_PREDICT, _ROW)
    for _ in range(10):
        assert client.request(_PREDICT, _ROW)["headers"]["x-plimsoll-version"] == "1"
    assert not is_ready(cluster.get("pod", broken))
    release.roll_back()
    assert release.settle()["metadata"]["name"] == old


def test_with_keys_only_their_holders_are_answered(cluster: Cluster, release: Release, client: ClientPod) -> None:
    cluster.apply_secret("e2e-test-key", "key", cluster.apply_keys("e2e-keys"))
    release.upgrade("auth.existingSecret=e2e-keys")
    release.settle()
    assert client.request(_PREDICT, _ROW)["status"] == 401
    assert re.search(r"Phase:\s+Succeeded", release.test()), "without a key the test expects to be refused"
    release.upgrade("auth.testKeySecret=e2e-test-key")
    assert re.search(r"Phase:\s+Succeeded", release.test()), "with one it is answered"
    cluster.kubectl("delete", "secret", "e2e-keys", "e2e-test-key")


def test_nothing_is_left_after_an_uninstall(cluster: Cluster, release: Release, others: set[str]) -> None:
    release.uninstall()
    assert cluster.everything() - others == set()


def _log_about(cluster: Cluster, pod: str, word: str) -> str | None:
    log = cluster.kubectl("logs", pod)
    return log if word in log else None


def _predictions_counted(client: ClientPod, pod_ip: str) -> int:
    text = client.request(f"http://{pod_ip}:8001/metrics")["body"]
    lines = [line for line in text.splitlines() if line.startswith("plimsoll_requests_total{")]
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))
