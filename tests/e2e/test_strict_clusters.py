"""Installed as strict clusters want it: as OpenShift runs pods, under an umbrella chart, and with a quota on CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster, run
from tests.e2e.release import CHART, image_values
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

NAME = "umbrella"
OPENSHIFT_ID = 1000680000
"""A user and group of the range that OpenShift gives a namespace; the image knows neither."""
_QUOTA = {
    "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cpu"}, "spec": {"hard": {"limits.cpu": "8"}},
}  # fmt: skip


@pytest.fixture
def umbrella(tmp_path: Path) -> Path:
    """A chart that depends on ours, by a condition."""
    chart = tmp_path / NAME
    chart.mkdir()
    dependency = {
        "name": "plimsoll", "version": ">=0", "repository": f"file://{CHART}", "condition": "plimsoll.enabled",
    }  # fmt: skip
    described = {"apiVersion": "v2", "name": NAME, "version": "1.0.0", "dependencies": [dependency]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(described))
    run("helm", "dependency", "build", str(chart))
    return chart


def test_it_is_left_out_where_the_condition_says_so(umbrella: Path) -> None:
    assert run("helm", "template", NAME, str(umbrella), "--set", "plimsoll.enabled=false").strip() == ""
    assert "kind: Deployment" in run("helm", "template", NAME, str(umbrella))


def test_it_runs_as_openshift_would_run_it_under_an_umbrella_and_a_quota(
    cluster: Cluster, image: str, client: ClientPod, umbrella: Path, transcript: Transcript
) -> None:
    security = [f"plimsoll.podSecurity.{name}={OPENSHIFT_ID}" for name in ("fsGroup", "runAsUser", "runAsGroup")]
    limits = ["plimsoll.resources.limits.cpu=1", "plimsoll.test.resources.limits.cpu=500m"]
    texts = [f"plimsoll.{value}" for value in (*image_values(image), f"fullnameOverride={NAME}")]
    given = [part for value in (*security, *limits) for part in ("--set", value)]
    given += [part for value in texts for part in ("--set-string", value)]
    cluster.apply(_QUOTA)
    try:
        run("helm", "-n", cluster.namespace, "install", NAME, str(umbrella), *given, "--wait", "--timeout=180s")
        (pod,) = cluster.select("pods", f"app.kubernetes.io/instance={NAME}")
        who = cluster.execute(pod["metadata"]["name"], "sh", "-c", "id -u; id -g; id -G; touch /tmp/x && echo writes")
        answer = client.first_answer(f"http://{NAME}:8000/v1/predict", ROW)
        tested = run("helm", "-n", cluster.namespace, "test", NAME, "--timeout=120s")
    finally:
        cluster.kubectl("delete", "resourcequota", "cpu")
    assert who.split() == [str(OPENSHIFT_ID), str(OPENSHIFT_ID), str(OPENSHIFT_ID), "writes"]
    assert answer["status"] == 200
    assert "Phase:          Succeeded" in tested
    transcript.note("as OpenShift runs it, under an umbrella chart and a quota of CPU limits", f"uid {who.split()[0]}")
    run("helm", "-n", cluster.namespace, "uninstall", NAME, "--wait", "--timeout=120s")
