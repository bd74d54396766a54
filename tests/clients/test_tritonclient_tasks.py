"""tritonclient and the tasks that read texts and pictures themselves, as elements of BYTES."""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Iterator

import numpy as np
import pytest

from tests.clients.client_process import REPOSITORY, ClientProcess
from tests.clients.served import Served, elements
from tests.doubles.sentence_encoders import FACTORIES, make_encoder
from tests.integration.served_process import ServedProcess

TEXTS = ["A warm, funny film.", "I would not buy it again.", "naïve café"]
PICTURES = [(REPOSITORY / "examples" / "digits" / f"{digit}.png").read_bytes() for digit in (0, 7)]
WAYS = ["http", "http.aio", "grpc", "grpc.aio"]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of a classifier of texts, an encoder and a classifier of pictures, over HTTP and gRPC."""
    models = tmp_path_factory.mktemp("tasks") / "models"
    for name in ("sentiment", "garments"):
        shutil.copytree(REPOSITORY / "examples" / "models" / name, models / name)
    make_encoder(models, "sentences", "1")
    desired = models.with_name("desired-state.yaml")
    names = ", ".join(f'{{name: {each.name}, versions: [{{version: "1"}}]}}' for each in sorted(models.iterdir()))
    desired.write_text(f"models: [{names}]")
    process = ServedProcess(models=models)
    process.start(
        PYTHONPATH=str(REPOSITORY),
        PLIMSOLL_FACTORIES=",".join(FACTORIES),
        PLIMSOLL_DESIRED_STATE=str(desired),
        PLIMSOLL_GRPC_PORT="0",
    )
    yield Served(process.ready(), process)
    process.kill()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("model", "score"), [("sentiment", "probabilities"), ("sentences", "embedding")])
def test_triton_texts_get_the_answers_of_v1(
    triton: ClientProcess, tasks: Served, model: str, score: str, way: str
) -> None:
    expected = tasks.predictions(model, TEXTS)
    _, found = triton("infer", way, tasks.at(way), model, [("text", "BYTES", elements([t.encode() for t in TEXTS]))])
    assert np.allclose(found[score], [each[score] for each in expected], atol=1e-6)
    for count in ("tokens", "tokens_cut"):
        assert found[count].tolist() == [each[count] for each in expected]


@pytest.mark.parametrize("way", WAYS)
def test_triton_pictures_get_the_answers_of_v1(triton: ClientProcess, tasks: Served, way: str) -> None:
    expected = tasks.predictions("garments", [b64encode(each).decode() for each in PICTURES])
    _, found = triton("infer", way, tasks.at(way), "garments", [("image", "BYTES", elements(PICTURES))])
    assert np.allclose(found["probabilities"], [each["probabilities"] for each in expected], atol=1e-6)
