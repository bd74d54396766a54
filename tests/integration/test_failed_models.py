"""A model that fails a check is never served, and everyone can see why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden import GoldenSamples, read_golden
from plimsoll.bundle.shelf import Shelf
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.doubles.bundles import rewrite_manifest
from tests.integration.conftest import running


def tamper_with_weights(bundle: Path) -> str:
    content = bytearray((bundle / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (bundle / "weights.safetensors").write_bytes(content)
    return "check 'digest' failed"


def drop_a_field(bundle: Path) -> str:
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["signature"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return "check 'manifest' failed"


def promise_other_answers(bundle: Path) -> str:
    manifest = json.loads((bundle / "manifest.json").read_text())
    samples = read_golden(open_bundle(bundle))
    wrong = GoldenSamples(samples.inputs, {name: 1 - tensor for name, tensor in samples.outputs.items()}).pack()
    (bundle / "golden.safetensors").write_bytes(wrong)
    manifest["files"]["golden.safetensors"] = hashlib.sha256(wrong).hexdigest()
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return "check 'golden' failed"


def remove_the_weights(bundle: Path) -> str:
    (bundle / "weights.safetensors").unlink()
    return "check 'files' failed"


def take_pictures(bundle: Path) -> str:
    rewrite_manifest(open_bundle(bundle), lambda fields: fields["signature"]["inputs"][0].update(shape=[-1, 1, 2, 2]))
    return (
        "check 'task' failed: nothing can ask this model: its input 'input' is FP32 [-1, 1, 2, 2]; take flat rows, "
        "and let forward begin with rows.view(-1, 1, 2, 2); the task tabular-classification is for models of one input"
    )


@pytest.mark.parametrize(
    "damage", [tamper_with_weights, drop_a_field, promise_other_answers, remove_the_weights, take_pictures]
)
async def test_a_damaged_bundle_keeps_the_server_unready(
    make_tiny_bundle: MakeBundle, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], str]
) -> None:
    bundle = make_tiny_bundle()
    reason = damage(bundle.path)
    async with running(Application(load_settings(models_dir=bundle.path.parents[1]))) as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["status"] == "failed"
        assert reason in ready.json()["reasons"][0]
        assert (await client.get("/startupz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
        reply = await client.post("/v1/predict", json={"features": [0.0] * 4})
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "failed")
        assert "retry-after" not in reply.headers
        version = (await client.get("/v1/models/tiny/versions/1")).json()
        assert (version["state"], version["digest"]) == ("failed", None)
        assert reason in version["reason"]
        assert str(bundle.path) not in ready.text + reply.text
    assert any(record.levelname == "ERROR" and reason in record.message for record in caplog.records)


@pytest.mark.parametrize(("ready_when", "status"), [("any", 200), ("all", 503)])
async def test_one_damaged_model_leaves_the_others_serving(
    make_tiny_bundle: MakeBundle, ready_when: str, status: int
) -> None:
    tamper_with_weights(make_tiny_bundle(name="broken").path)
    folder = make_tiny_bundle(name="whole").path.parents[1]
    async with running(Application(load_settings(models_dir=folder, ready_when=ready_when))) as client:
        assert (await client.get("/readyz")).status_code == status
        assert (await client.get("/startupz")).status_code == status
        reply = await client.post("/v1/models/broken/predict", json={"features": [0.0] * 4})
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "failed")
        assert (await client.post("/v1/models/whole/predict", json={"features": [0.0] * 4})).status_code == 200


_WHERE = "bundles lie in <name>/<version>/ of the folder that PLIMSOLL_MODELS_DIR names"


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("missing", [f"the models folder 'missing' does not exist; {_WHERE}"]),
        ("file", [f"the models folder 'file' is a file; {_WHERE}"]),
        ("empty", [f"the models folder 'empty' holds no bundle; {_WHERE}"]),
        (
            "odd",
            [
                (
                    "'Digits' in the models folder 'odd' is passed over: a model's name is lower-case letters, digits "
                    "and dashes, 63 at most"
                ),
                (
                    "'digits/v3' in the models folder 'odd' is passed over: a version is one to four numbers joined by "
                    "dots, without leading zeros"
                ),
                f"the models folder 'odd' holds no bundle; {_WHERE}",
            ],
        ),
    ],
)
async def test_a_folder_without_a_bundle_is_said_in_the_log_and_to_whoever_asks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, folder: str, told: list[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "odd" / "Digits" / "1").mkdir(parents=True)
    (tmp_path / "odd" / "digits" / "v3").mkdir(parents=True)
    async with running(Application(load_settings(models_dir=tmp_path / folder))) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"]) == (503, ["no model is desired", *told])
        assert (await client.get("/v1/models")).json()["remarks"] == told
    messages = [record.message for record in caplog.records]
    assert set(told) < set(messages)
    assert "there is nothing to serve: no bundle was found and no desired state names one" in messages


async def test_a_version_that_is_passed_over_beside_one_that_serves_is_said(
    make_tiny_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    models = make_tiny_bundle().path.parents[1]
    (models / "tiny" / "v3").mkdir()
    (remark,) = Shelf(models).remarks()
    assert "'tiny/v3' in the models folder 'models' is passed over" in remark
    async with running(Application(load_settings(models_dir=models))) as client:
        for path in ("/readyz", "/startupz", "/v1/health", "/v1/health/detailed", "/v1/models"):
            reply = await client.get(path)
            assert (reply.status_code, reply.json()["remarks"]) == (200, [remark]), path
    assert remark in [record.message for record in caplog.records]


async def test_a_desired_version_that_is_missing_names_what_there_is(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_tiny_bundle(version="3").path.parents[1]
    desired = tmp_path / "desired.yaml"
    desired.write_text('models: [{name: tiny, versions: [{version: "99"}]}]')
    async with running(Application(load_settings(models_dir=folder, desired_state=desired))) as client:
        assert (await client.get("/readyz")).status_code == 503
    assert "no bundle of tiny version 99; bundles there: tiny 3" in caplog.text
