"""A stream and a session through the chart: both end cleanly when their pod is deleted."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.e2e.client_pod import ClientPod, pod_of
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import OWN_MODEL, Release, parsed
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

NAME = "streams"


class Case(NamedTuple):
    """The rows of a stream, the time to drain, and the event with which the stream ends."""

    rows: int
    drain_seconds: int
    last: str


@pytest.mark.parametrize("case", [Case(60, 30, "done"), Case(100, 4, "error")], ids=["within the drain", "beyond it"])
def test_a_stream_and_a_session_end_cleanly_when_their_pod_is_deleted(
    case: Case, cluster: Cluster, slow_image: str, client: ClientPod, transcript: Transcript
) -> None:
    del client  # its scripts are those that the pod runs
    rows, drain_seconds, last = case
    typed = (
        "replicas=1", "shutdown.waitSeconds=1", f"shutdown.drainSeconds={drain_seconds}",
        "serving.maxBatchRows=1",  # rows run one by one, a tenth of a second each
    )  # fmt: skip
    release = Release(cluster, slow_image, NAME, *OWN_MODEL, typed=typed)
    release.install()
    reader = f"reader-{last}"
    command = ["python", "/scripts/streams.py", NAME, "letters", str(rows)]
    cluster.apply(pod_of(reader, slow_image, command))
    eventually("both open", lambda: "open" in cluster.kubectl("logs", reader))
    cluster.kubectl("delete", "pod", release.the_pod()["metadata"]["name"], "--wait=false")
    report = _report_of(cluster, reader)
    stream, session = report["stream"], report["session"]
    assert stream["status"] == 200
    assert "broken" not in stream
    assert stream["events"][-1] == last
    assert set(stream["events"][:-1]) == {"prediction"}
    assert session["code"] == 1001
    assert "stopping" in session["reason"]
    assert "wrong" not in session
    transcript.note(
        f"a pod deleted with a stream of {rows} rows and a session open, {drain_seconds} s to drain",
        f"the stream ended with `{last}` after {len(stream['events']) - 1} rows, the session with 1001 after "
        f"{session['answered']} answers",
    )
    cluster.kubectl("delete", "pod", reader)
    release.uninstall()


def _report_of(cluster: Cluster, reader: str) -> dict[str, Any]:
    def ended() -> bool:
        return bool(cluster.get("pod", reader)["status"]["phase"] in ("Succeeded", "Failed"))

    eventually("the end of both", ended)
    return parsed(cluster.kubectl("logs", reader).splitlines()[-1])
