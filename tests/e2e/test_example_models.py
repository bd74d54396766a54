"""Every model of examples/models: one image with them all, the chart chooses one, and `helm test` asks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contracts.example_models import MODELS, Model
from tests.e2e.built_image import built
from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster
from tests.e2e.release import CHART, Release
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

FOLDER = Path(__file__).parents[2] / "examples" / "models"


@pytest.fixture(scope="module")
def with_torch(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the image with torch and every model."""
    return built("models:e2e", image, FOLDER, archive=tmp_path_factory.mktemp("models") / "models.tar")


@pytest.fixture(scope="module")
def slim(slim_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the slim image with every model."""
    return built("models-onnx:e2e", slim_image, FOLDER, archive=tmp_path_factory.mktemp("slim") / "models.tar")


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_chart_serves_a_model_by_its_name_and_helm_test_asks_it(
    cluster: Cluster, with_torch: str, client: ClientPod, transcript: Transcript, model: Model
) -> None:
    _serve_and_test(cluster, with_torch, client, model)
    transcript.note(f"{model}, {model.manifest.task}", "served from the image with every model; helm test passed")


@pytest.mark.parametrize("model", [each for each in MODELS if each.manifest.model.format == "onnx"][:1], ids=str)
def test_the_slim_image_serves_them_too(
    cluster: Cluster, slim: str, client: ClientPod, transcript: Transcript, model: Model
) -> None:
    _serve_and_test(cluster, slim, client, model)
    transcript.note(f"{model} in the slim image", "helm test passed")


def _serve_and_test(cluster: Cluster, image: str, client: ClientPod, model: Model) -> None:
    name, version = model.manifest.name, model.manifest.version
    release = Release(cluster, image, "example-model", f"model.name={name}", f"model.version={version}")
    release.install(CHART, f"--values={FOLDER / 'values.yaml'}")
    assert "Succeeded" in release.test()
    asked = client.execute("plimsoll", "predict", "--url", "http://example-model:8000", "--golden", "--json")
    answer = json.loads(asked.strip().splitlines()[-1])
    assert (answer["model"], answer["version"]) == (name, version)
    release.uninstall()
