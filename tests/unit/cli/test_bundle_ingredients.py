"""Bundles of the weights, inputs and outputs that people have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import save

from tests.doubles.checkpoints import Marker
from tests.unit.cli.bundle_maker import PARAMETERS, Maker
from tests.unit.cli.conftest import RunPlimsoll


@pytest.fixture
def maker(plimsoll: RunPlimsoll) -> Maker:
    return Maker(plimsoll)


def test_a_state_dict_of_torch_save_is_converted_and_noted(maker: Maker, plimsoll: RunPlimsoll) -> None:
    state = build_architecture("digits-mlp", PARAMETERS).state_dict()
    torch.save({"state_dict": {f"module.{name}": each for name, each in state.items()}, "epoch": 9}, "w.pt")
    made = maker.create(weights="w.pt")
    assert [line.removeprefix("note ") for line in made.err.splitlines()] == [
        "the state dict was converted to safetensors",
        "the weights are 'state_dict' of the file, without 'epoch'",
        "'module.' was taken off the names of the weights; a wrapper of the module had put it there",
    ]
    assert made.code == 0
    assert plimsoll("bundle", "verify", "models/tiny/1").code == 0


def test_a_whole_pickled_module_makes_no_bundle_and_its_code_does_not_run(maker: Maker) -> None:
    torch.save(Marker(Path("executed").absolute()), "w.pt")
    ran = maker.create(weights="w.pt")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: the file of weights holds Python objects of 'posix.mkdir' and not only tensors")
    assert not Path("executed").exists()
    assert not Path("models").exists()


@pytest.mark.usefixtures("maker")
def test_several_inputs_of_open_length_and_outputs_with_names(plimsoll: RunPlimsoll) -> None:
    for name, length in (("short", 3), ("long", 7)):
        np.save(f"{name}.npy", np.ones((2, length), np.int64))
        np.save(f"{name}-mask.npy", np.ones((2, length), np.float32))
    Path("none.safetensors").write_bytes(save({}))
    words = ["--example=mask=short-mask.npy", "--example=ids=short.npy", "--example=mask=long-mask.npy"]
    made = plimsoll(
        "bundle", "create", "--name=two", "--version=1", "--factory=tests.doubles.odd_models:MaskedMean",
        "--weights=none.safetensors", *words, "--example=ids=long.npy", "--minimum=ids=0", "--maximum=ids=9",
        "--output-name=mean", "--output-name=kept",
    )  # fmt: skip
    assert made.code == 0, made.err
    assert made.err == "note forward gets the inputs in the order of the parameters of forward: ids, mask\n"
    shown = plimsoll("bundle", "inspect", "models/two/1").out
    for line in ("ids: INT64 [-1, -1]", "mask: FP32 [-1, -1]", "mean: FP32 [-1]", "kept: FP32 [-1, -1]"):
        assert line in shown
    assert shown.index("ids:") < shown.index("mask:") < shown.index("mean:") < shown.index("kept:")
    verified = plimsoll("bundle", "verify", "models/two/1", "--trust-factory", "tests.doubles.odd_models:MaskedMean")
    assert verified.code == 0, verified
