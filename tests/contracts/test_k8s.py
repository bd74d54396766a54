"""The committed objects are the chart's, and kustomize makes of them what the overlays say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.chart import needs_helm, objects
from tests.contracts.generated import REPOSITORY
from tests.contracts.renders import RENDERS

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="needs kubectl: https://kubernetes.io/docs/tasks/tools"
)


def deployment(overlay: str) -> dict[str, Any]:
    """The Deployment as `kubectl kustomize` makes it."""
    command = ["kubectl", "kustomize", f"k8s/overlays/{overlay}"]
    text = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60).stdout
    (found,) = (each for each in objects(text) if each["kind"] == "Deployment")
    return dict(found)


@needs_helm
@pytest.mark.parametrize("file", RENDERS, ids=lambda file: file.stem)
def test_a_committed_render_is_what_the_chart_makes_today(file: Path) -> None:
    assert RENDERS[file]() == file.read_text(encoding="utf-8"), "run: make renders"


@needs_kubectl
def test_the_overlay_for_kind_runs_the_image_that_was_built() -> None:
    (container,) = deployment("kind")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "plimsoll:cpu"


@needs_kubectl
def test_the_overlay_for_gpus_asks_for_one_and_keeps_all_else() -> None:
    made = deployment("gpu")["spec"]
    (container,) = made["template"]["spec"]["containers"]
    assert container["image"] == "plimsoll:gpu"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {each["name"] for each in container["env"]} > {"PLIMSOLL_DEVICE", "PLIMSOLL_TRACK", "PLIMSOLL_METRICS_PORT"}
    assert {each["name"] for each in made["template"]["spec"]["volumes"]} == {"desired-state", "tmp", "shm"}
    assert made["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
