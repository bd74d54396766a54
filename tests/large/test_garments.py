"""The garments model on the whole official test part, asked over HTTP; fetches the data where they are missing."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from plimsoll.application import Application
from plimsoll.settings import load_settings

from tests.doubles.pictures import encoded
from tests.integration.conftest import REPOSITORY, running
from training.fashion_mnist import NAMES, load_garments
from training.mnist_digits import Digits

BATCH = 100
FLOOR = 0.90


@pytest.mark.timeout(900)  # ten thousand pictures
async def test_the_official_test_part_is_named_as_well_as_the_manifest_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, garments = load_garments(REPOSITORY / "training" / "data")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "garments").symlink_to(REPOSITORY / "examples" / "models" / "garments")
    right = 0
    async with running(Application(load_settings(models_dir=tmp_path / "models"))) as client:
        for start in range(0, len(garments.labels), BATCH):
            right += await _right_of(client, garments.take(np.arange(start, start + BATCH, dtype=np.int32)))
    manifest = json.loads((tmp_path / "models" / "garments" / "1" / "manifest.json").read_text())
    assert right / len(garments.labels) >= FLOOR
    assert right / len(garments.labels) == pytest.approx(manifest["metrics"]["accuracy"]["value"], abs=0.001)


async def _right_of(client: httpx.AsyncClient, garments: Digits) -> int:
    pictures = [encoded(Image.fromarray(row.reshape(28, 28))) for row in garments.pixels]
    reply = await client.post("/v1/predict", files=[("image", (f"{at}.png", each)) for at, each in enumerate(pictures)])
    assert reply.status_code == 200, reply.text
    labels = [NAMES[label] for label in garments.labels]
    return sum(each["class"] == label for each, label in zip(reply.json()["predictions"], labels, strict=True))
