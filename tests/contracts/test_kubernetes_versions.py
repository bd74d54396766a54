"""What the chart renders is what each Kubernetes that it is for takes, by the schemas of its own API server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from tests.contracts.chart import EXAMPLES, needs_helm, objects, template

VERSIONS = ("1.30", "1.33", "1.35", "1.37")
OF_CRDS = ("monitoring.coreos.com/", "gateway.networking.k8s.io/")
"""Groups that are no part of Kubernetes; tests/e2e asks an API server that has them."""
NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
NEEDS = {"gpu-claim-values": "1.34"}


@needs_helm
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_every_object_is_valid(example: Path, version: str) -> None:
    options = (f"--values={example}", f"--kube-version={version}")
    if version < NEEDS.get(example.stem, version):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            template(*options)
        assert f"needs Kubernetes {NEEDS[example.stem]}" in refused.value.stderr
        return
    known = [each for each in objects(template(*options)) if not each["apiVersion"].startswith(OF_CRDS)]
    for each in known:
        assert re.fullmatch(NAME, each["metadata"]["name"])  # which the schemas do not say
        kubernetes_validate.validate(each, version, strict=True)
    assert {"Deployment", "Service", "NetworkPolicy"} <= {each["kind"] for each in known}
