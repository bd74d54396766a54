"""The digits model, tuned by its held-out rows: a server answers with the tuned version as with any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.cli.tuning_run import Choices, tune_bundle
from plimsoll.runtime.tuning.makers import INT8
from plimsoll.runtime.tuning.tuner import Progress, Rule
from plimsoll.settings import load_settings

from tests.doubles.digits_rows import held_out, write_held_out
from tests.integration.conftest import REPOSITORY, running

BATCH = 100


async def test_a_tuned_version_is_loaded_by_a_server_and_is_as_often_right(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(REPOSITORY / "models" / "digits" / "1", models / "digits" / "1")
    choices = Choices(
        version="1.1", folder=models, evaluate=write_held_out(tmp_path / "rows.npz"), label=None,
        rule=Rule(0.02, [1, 64], 3), factories=(), trust_pt2=False, write=True,
    )  # fmt: skip
    tuned = tune_bundle(open_bundle(models / "digits" / "1"), choices, load_settings(), Progress())
    assert tuned.written is not None
    assert tuned.tuning.chosen is not None
    assert {each.name: each.standing for each in tuned.tuning.candidates}[INT8] == "fit"

    pixels, labels = held_out()
    right = 0
    async with running(Application(load_settings(models_dir=models))) as client:
        for start in range(0, len(pixels), BATCH):
            body = {"instances": pixels[start : start + BATCH].tolist()}
            reply = await client.post("/v1/models/digits/predict", json=body)
            assert reply.status_code == 200, reply.text
            assert reply.headers["x-plimsoll-version"] == "1.1"
            classes = np.array([each["class"] for each in reply.json()["predictions"]])
            right += int((classes == labels[start : start + BATCH]).sum())
    quality = tuned.document["candidates"][tuned.tuning.candidates.index(tuned.tuning.chosen)]["quality"]
    assert right == round(1000 * quality["value"])
