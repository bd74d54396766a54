from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from plimsoll.bundle.folder import open_bundle
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import load_file, save

from tests.doubles.checkpoints import Marker, Net
from tests.doubles.torchserve import CODE, make_mar, saved
from tests.unit.cli.conftest import RunPlimsoll

PARAMETERS = {"sizes": [4, 8, 3]}
TO_A_TASK = "to the client or a task of your own (docs/own-task.md)"
LABELS = {"0": "cat", "1": "dog", "2": "eel"}


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_archive_becomes_a_bundle_by_the_command_that_is_printed(plimsoll: RunPlimsoll) -> None:
    torch.manual_seed(0)
    state = build_architecture("digits-mlp", PARAMETERS).state_dict()
    weights = saved({"state_dict": state, "epoch": 3})
    make_mar(
        Path("net.mar"), {"net.pt": weights, "model.py": CODE, "index_to_name.json": json.dumps(LABELS)},
        handler="image_classifier", modelFile="model.py",
    )  # fmt: skip
    ran = plimsoll("bundle", "from-mar", "net.mar", "--to", "out put")
    assert (ran.code, ran.err) == (0, "")
    for fact in (
        "Dense_Net.161 1.0", "image_classifier, built into TorchServe", "cut out the middle 224 x 224",
        "the five most probable classes", "forward ends with torch.softmax(scores, 1)",
        "the class in model.py; put it into a package, for --factory",
        "out put/weights.safetensors, the state dict was converted to safetensors",
        "the weights are 'state_dict' of the file, without 'epoch'",
    ):  # fmt: skip
        assert fact in ran.out
    assert all(torch.equal(each, state[name]) for name, each in load_file("out put/weights.safetensors").items())
    command = ran.out.splitlines()[-1].removeprefix("next").strip()
    np.save("ROWS.npy", np.ones((2, 4), np.float32))
    command = command.replace("--factory PACKAGE.MODULE:CLASS", "--architecture digits-mlp")
    script = ["bash", "-c", f"printf '%s\\n' {command}"]
    expanded = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    words = expanded.stdout.splitlines()
    assert plimsoll(*words[1:], "--parameters", json.dumps(PARAMETERS)).code == 0
    manifest = open_bundle(Path("models/dense-net-161/1.0")).manifest
    assert manifest.signature.outputs[0].labels == list(LABELS.values())


@pytest.mark.parametrize(
    ("handler", "facts"),
    [
        ("image_segmenter", ["for each pixel the most probable class", "return both as named outputs"]),
        (
            "object_detector",
            ["the boxes and classes of scores above 0.5", "pad the boxes to a fixed number", f"decoding {TO_A_TASK}"],
        ),
        ("text_classifier", ["source_vocab.pt", "in place of text and offsets, and give examples of two lengths"]),
        ("base_handler", ["nothing to do: clients send the numbers"]),
        ("mine.py:handle", ["mine.py:handle, code of the archive, which was not run", "its own preprocess()"]),
        ("", ["none, code of the archive", f"the rest {TO_A_TASK}"]),
        ("\x1b[31mred", ["?[31mred, code of the archive"]),
    ],
)  # fmt: skip
def test_the_steps_of_a_handler_are_printed_with_their_place_here(
    plimsoll: RunPlimsoll, handler: str, facts: list[str]
) -> None:
    make_mar(Path("net.mar"), {"net.pt": save({"a": torch.ones(1)})}, handler=handler, modelName="a; touch b")
    ran = plimsoll("bundle", "from-mar", "net.mar")
    assert ran.code == 0
    assert "weights      weights.safetensors, as they were" in ran.out
    assert "\x1b[31m" not in ran.out
    for fact in facts:
        assert fact in ran.out
    command = ran.out.splitlines()[-1].removeprefix("next").strip()
    assert shlex.split(command)[:5] == ["plimsoll", "bundle", "create", "--name", "a-touch-b"]


def test_code_in_the_weights_does_not_run_and_the_handler_is_printed_all_the_same(plimsoll: RunPlimsoll) -> None:
    make_mar(Path("net.mar"), {"net.pt": saved(Marker(Path("executed").absolute()))}, handler="image_classifier")
    ran = plimsoll("bundle", "from-mar", "net.mar", "--to", "out")
    assert ran.code == 2
    assert "image_classifier, built into TorchServe" in ran.out
    assert ran.err.startswith("error: the file of weights holds Python objects of 'posix.mkdir' and not only tensors")
    assert not Path("executed").exists()
    assert list(Path("out").iterdir()) == []


def test_a_program_of_torchscript_is_refused_with_the_next_step(plimsoll: RunPlimsoll) -> None:
    with pytest.warns(DeprecationWarning, match=r"torch\.jit"):
        torch.jit.save(torch.jit.script(Net()), "net.pt")
    make_mar(Path("net.mar"), {"net.pt": Path("net.pt").read_bytes()}, handler="image_classifier")
    ran = plimsoll("bundle", "from-mar", "net.mar", "--to", "out")
    assert ran.code == 2
    assert "the file is a TorchScript program, which holds code, and it was not opened" in ran.err
    assert "save safetensors.torch.save_file(torch.jit.load(FILE).state_dict(), 'weights.safetensors')" in ran.err


@pytest.mark.parametrize("name", ["weights.safetensors", "labels.json"])
def test_a_file_that_is_there_is_kept(plimsoll: RunPlimsoll, name: str) -> None:
    files: dict[str, bytes | str] = {"net.pt": save({}), "index_to_name.json": json.dumps(LABELS)}
    make_mar(Path("net.mar"), files)
    Path(name).write_text("mine")
    ran = plimsoll("bundle", "from-mar", "net.mar")
    assert ran.code == 2
    assert f"{name} exists already in the folder of --to; choose another folder" in ran.err
    assert Path(name).read_text() == "mine"
    assert len(list(Path().iterdir())) == 2


def test_a_folder_that_cannot_be_made_is_refused(plimsoll: RunPlimsoll) -> None:
    make_mar(Path("net.mar"), {"net.pt": save({})})
    ran = plimsoll("bundle", "from-mar", "net.mar", "--to", "net.mar/out")
    assert ran.code == 2
    assert "the weights cannot be written: Not a directory" in ran.err
