"""The models of pictures in examples/models, asked over HTTP."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.task_files import listed_files
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.settings import load_settings
from plimsoll.tasks import bind_task

from tests.doubles.pictures import base64_of, encoded
from tests.integration.conftest import REPOSITORY, running
from training.mean_precision import Found, mean_precision
from training.mnist_digits import Digits
from training.scene_canvas import NAMES, SceneMaker

MODELS = REPOSITORY / "examples" / "models"
TRAINING = REPOSITORY / "training"
BATCH = 100
FLOOR_OF_GARMENTS, FLOOR_OF_SCENES = 0.88, 0.77
TEST_SEED, TEST_SCENES = 5, 300


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Both models, ready."""
    (tmp_path / "models").mkdir()
    for name in ("garments", "scenes"):
        (tmp_path / "models" / name).symlink_to(MODELS / name)
    async with running(Application(load_settings(models_dir=tmp_path / "models"))) as client:
        yield client


def held_out(name: str) -> Digits:
    with np.load(TRAINING / name, allow_pickle=False) as archive:
        return Digits(archive["pixels"], archive["labels"])


def pngs(rows: Any, side: int) -> list[bytes]:
    return [encoded(Image.fromarray(row.reshape(side, side))) for row in rows]


async def asked(client: httpx.AsyncClient, name: str, pictures: list[bytes]) -> list[Any]:
    """The predictions for pictures, sent as the files of forms."""
    found: list[Any] = []
    for start in range(0, len(pictures), BATCH):
        files = [("image", (f"{place}.png", each)) for place, each in enumerate(pictures[start : start + BATCH])]
        reply = await client.post(f"/v1/models/{name}/predict", files=files)
        assert reply.status_code == 200, reply.text
        found += reply.json()["predictions"]
    return found


async def metric(client: httpx.AsyncClient, model: str, name: str) -> dict[str, float]:
    detail = (await client.get(f"/v1/models/{model}/versions/1")).json()
    return detail["metrics"][name]  # type: ignore[no-any-return]


async def test_the_garments_that_nothing_was_trained_on_are_named_as_well_as_the_manifest_says(
    served: httpx.AsyncClient,
) -> None:
    garments = held_out("heldout/garments.npz")
    labels = json.loads((MODELS / "garments/1/manifest.json").read_text())["signature"]["outputs"][0]["labels"]
    found = await asked(served, "garments", pngs(garments.pixels, 28))
    right = [each["class"] == labels[label] for each, label in zip(found, garments.labels, strict=True)]
    assert len(right) == 1000
    said = await metric(served, "garments", "accuracy_of_1000")
    assert np.mean(right) >= FLOOR_OF_GARMENTS
    assert np.mean(right) == pytest.approx(said["value"], abs=0.002)  # another processor may round two of them
    assert said["low"] <= np.mean(right) <= said["high"]


async def test_the_objects_of_scenes_are_found_as_well_as_the_manifest_says(served: httpx.AsyncClient) -> None:
    maker = SceneMaker(held_out("digits-heldout.npz"), held_out("heldout/garments.npz"), TEST_SEED)
    scenes = maker.scenes(TEST_SCENES)
    answers = await asked(served, "scenes", pngs([scene.pixels for scene in scenes], 128))
    found = [found_in(each["objects"]) for each in answers]
    value = mean_precision(scenes, found, len(NAMES))
    said = await metric(served, "scenes", "map_50")
    assert value >= FLOOR_OF_SCENES
    assert value == pytest.approx(said["value"], abs=0.005)


def found_in(objects: list[Any]) -> Found:
    boxes = np.array([each["box"] for each in objects], np.float64).reshape(-1, 4)
    labels = np.array([NAMES.index(each["class"]) for each in objects], np.int64)
    return Found(boxes, labels, np.array([each["confidence"] for each in objects], np.float64))


async def test_a_picture_of_another_size_has_its_boxes_in_its_own_pixels(served: httpx.AsyncClient) -> None:
    (scene,) = SceneMaker(held_out("digits-heldout.npz"), held_out("heldout/garments.npz"), 11).scenes(1)
    canvas = Image.fromarray(scene.pixels)
    large = Image.new("L", (300, 260))
    large.paste(canvas.resize((256, 256), Image.Resampling.NEAREST), (40, 2))
    first, second = await asked(served, "scenes", [encoded(canvas), encoded(large)])
    assert len(first["objects"]) > 2
    for each in second["objects"]:
        near = [np.abs(np.array(other["box"]) * 2 + [40, 2, 40, 2] - each["box"]).max() for other in first["objects"]]
        assert min(near) < 12


async def test_an_answer_does_not_depend_on_the_batch_or_the_way_a_picture_comes(served: httpx.AsyncClient) -> None:
    pictures = pngs(held_out("heldout/garments.npz").pixels[:6], 28)
    together = await asked(served, "garments", pictures)
    path = "/v1/models/garments/predict"
    for picture, expected in zip(pictures, together, strict=True):
        raw = await served.post(path, content=picture, headers={"content-type": "image/png"})
        in_json = await served.post(path, json={"image": base64_of(picture)})
        for reply in (raw, in_json):
            (given,) = reply.json()["predictions"]
            assert given["class"] == expected["class"] == given["top"][0]["class"]
            assert np.allclose(given["probabilities"], expected["probabilities"], atol=1e-5)


async def test_a_broken_picture_fails_alone(served: httpx.AsyncClient) -> None:
    good, *_ = pngs(held_out("heldout/garments.npz").pixels[:1], 28)
    path, headers = "/v1/models/garments/predict", {"content-type": "image/png"}
    bodies = [good, good[:100], good, b"<svg/>", good, b"\x89PNG\r\n\x1a\n", good]
    replies = await asyncio.gather(*(served.post(path, content=body, headers=headers) for body in bodies))
    assert [reply.status_code for reply in replies] == [200, 422, 200, 415, 200, 422, 200]
    assert len({json.dumps(reply.json()["predictions"]) for reply in replies[::2]}) == 1


Change = Callable[[dict[str, Any]], None]


def other_resize(manifest: dict[str, Any]) -> None:
    manifest["options"]["picture"]["resize"] = "stretch"


def other_filter(manifest: dict[str, Any]) -> None:
    manifest["options"]["picture"]["filter"] = "nearest"


def other_mean(manifest: dict[str, Any]) -> None:
    manifest["options"]["picture"]["mean"] = [0.5]


def swapped_labels(manifest: dict[str, Any]) -> None:
    labels = (
        manifest["signature"]["outputs"][0]["labels"]
        if manifest["name"] == "garments"
        else manifest["options"]["objects"]["labels"]
    )
    labels.reverse()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("garments", other_resize),
        ("garments", other_filter),
        ("garments", other_mean),
        ("garments", swapped_labels),
        ("scenes", other_resize),
        ("scenes", swapped_labels),
    ],
)
def test_other_steps_or_labels_fail_the_golden_requests(tmp_path: Path, name: str, change: Change) -> None:
    folder = tmp_path / "1"
    shutil.copytree(MODELS / name / "1", folder)
    prove(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="golden request") as caught:
        prove(folder)
    assert caught.value.check == "golden"


def prove(folder: Path) -> None:
    """Load a bundle and ask its golden requests, as a server does."""
    bundle = open_bundle(folder)
    loader = new_loader(LoaderOptions(threads=1), max_batch_rows=1, inline_budget_seconds=0)
    task = bind_task(bundle.manifest, listed_files(bundle.manifest, bundle.read))
    assert loader.prove_requests(bundle, loader.load(bundle), task) > 0
