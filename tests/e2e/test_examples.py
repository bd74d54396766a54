"""The examples of charts/plimsoll/ci: the API server takes each of them, field by field, and some are installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, CommandError, run, server_version
from tests.e2e.release import CHART, Release
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_the_api_server_takes_every_field(cluster: Cluster, example: Path, transcript: Transcript) -> None:
    rendered = run(
        "helm", "template", "example", str(CHART), f"--namespace={cluster.namespace}", f"--values={example}",
        f"--kube-version={server_version()}",
    )  # fmt: skip
    said = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=rendered)
    objects = [line.split()[0] for line in said.splitlines() if "dry run" in line]
    assert len(objects) >= 5
    transcript.note(f"example {example.stem.removesuffix('-values')}", f"{len(objects)} objects, every field taken")


def test_a_field_that_no_object_has_would_be_seen(cluster: Cluster) -> None:
    wrong = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wrong"}, "dataa": {}}
    with pytest.raises(CommandError, match="dataa"):
        cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=json.dumps(wrong))


@pytest.mark.parametrize("example", ["minimal", "everything"])
def test_an_example_is_installed_and_passes_its_own_test(
    cluster: Cluster, image: str, example: str, transcript: Transcript
) -> None:
    cluster.apply_keys("plimsoll-keys")
    release = Release(cluster, image, "example")
    release.install(CHART, f"--values={CHART / 'ci' / f'{example}-values.yaml'}")
    assert "Succeeded" in release.test()
    transcript.note(f"example {example}, installed", f"{len(release.pods())} pods ready, helm test passed")
    release.uninstall()
    cluster.kubectl("delete", "secret", "plimsoll-keys")
