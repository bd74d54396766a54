"""The digits models as ONNX: the real application gives the same answers as with torch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.next_version import version_after
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.onnx_export import export_bundle
from plimsoll.settings import load_settings

from tests.doubles.onnx_digits import exported_digits
from tests.integration.conftest import REPOSITORY, running

MODELS = REPOSITORY / "models"
BATCH = 100
DESIRED_STATE = (
    'models:\n- name: digits\n  versions: [{version: "1"}, {version: "1.1"}, {version: "2"}, {version: "2.1"}]\n'
)


@pytest.fixture
async def both_formats(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Versions 1 and 2 as they are, and 1.1 and 2.1, the same models as ONNX."""
    (tmp_path / "models" / "digits").mkdir(parents=True)
    loader = new_loader(LoaderOptions(threads=1), max_batch_rows=BATCH, inline_budget_seconds=0)
    for version in ("1", "2"):
        (tmp_path / "models" / "digits" / version).symlink_to(MODELS / "digits" / version)
        export_bundle(
            open_bundle(MODELS / "digits" / version),
            tmp_path / "models",
            version_after(version),
            loader,
            lambda bundle, _: exported_digits(bundle.manifest.version),
        )
    desired = tmp_path / "desired-state.yaml"
    desired.write_text(DESIRED_STATE)
    settings = load_settings(models_dir=tmp_path / "models", desired_state=desired)
    async with running(Application(settings)) as client:
        yield client


async def test_all_held_out_digits_are_answered_alike(both_formats: httpx.AsyncClient) -> None:
    with np.load(REPOSITORY / "training" / "digits-heldout.npz", allow_pickle=False) as archive:
        rows, labels = archive["pixels"] / 255, archive["labels"].astype(np.int64)
    assert len(rows) == 1000
    for version in ("1", "2"):
        by_torch = await answers(both_formats, version, rows)
        by_onnx = await answers(both_formats, version_after(version), rows)
        assert (by_onnx.argmax(axis=1) == by_torch.argmax(axis=1)).all()
        assert np.allclose(by_onnx, by_torch, rtol=1e-3, atol=1e-4)  # the tolerances of the manifests
        assert (by_onnx.argmax(axis=1) == labels).mean() > 0.95
        details = [
            (await both_formats.get(f"/v1/models/digits/versions/{each}")).json()
            for each in (version, version_after(version))
        ]
        assert details[0]["signature"] == details[1]["signature"]
        assert details[0]["parameters"] == details[1]["parameters"] > 20_000


async def answers(client: httpx.AsyncClient, version: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities of every row; each class that is answered is the most probable one."""
    found: list[list[float]] = []
    for start in range(0, len(rows), BATCH):
        body = {"instances": rows[start : start + BATCH].tolist()}
        reply = await client.post(f"/v1/models/digits/versions/{version}/predict", json=body)
        assert reply.status_code == 200, reply.text
        assert reply.headers["x-plimsoll-version"] == version
        for prediction in reply.json()["predictions"]:
            found.append(prediction["probabilities"])
            assert prediction["class"] == int(np.argmax(prediction["probabilities"]))
    return np.array(found)
