"""The image without torch: the same chart, the same answers, and how soon and how small compared with torch's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster
from tests.e2e.release import Release, scheduled_at
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full


_START_ANOTHER = """
import json, os, signal, subprocess, time, urllib.request
ports = {"PLIMSOLL_PORT": "18000", "PLIMSOLL_METRICS_PORT": "18001", "PLIMSOLL_ADMIN_PORT": "18002"}
started = time.perf_counter()
server = subprocess.Popen(["plimsoll", "serve"], env={**os.environ, **ports}, stderr=subprocess.DEVNULL)
while time.perf_counter() - started < 60:
    try:
        if urllib.request.urlopen("http://127.0.0.1:18000/readyz", timeout=1).status == 200:
            break
    except OSError:
        time.sleep(0.01)
print(json.dumps(time.perf_counter() - started))
server.send_signal(signal.SIGKILL)
server.wait()
"""
"""A second server in the pod, whose files are cached: the seconds until it is ready."""


def test_the_slim_image_serves_the_digits_by_the_same_chart(
    cluster: Cluster, image: str, slim_image: str, client: ClientPod, transcript: Transcript
) -> None:
    for title, name, of in (("image with torch", "withtorch", image), ("slim image", "slim", slim_image)):
        release = Release(cluster, of, name)
        release.install(wait=False)
        answer = client.first_answer(f"http://{name}:8000/v1/predict", ROW)
        answered_at = datetime.now(UTC)
        assert answer["status"] == 200, str(answer)
        assert json.loads(answer["body"])["predictions"][0]["class"] == 7
        release.test()
        pod = release.the_pod()
        waited = (answered_at - scheduled_at(pod)).total_seconds()
        transcript.note(f"{title}: pod scheduled to first answer", f"{waited:.1f} s")
        memory = ", ".join(f"{size / 1e6:.0f} MB {kind}" for kind, size in release.idle_bytes(pod).items())
        transcript.note(f"{title}: idle memory", memory)
        inside = partial(cluster.execute, pod["metadata"]["name"], "python", "-c")
        assert json.loads(
            inside("import json, importlib.util as u; print(json.dumps(u.find_spec('torch') is None))")
        ) == (of == slim_image)
        ready = sorted(float(inside(_START_ANOTHER)) for _ in range(3))
        transcript.note(f"{title}: start to ready, files cached, median of 3", f"{ready[1]:.2f} s")
        release.uninstall()
