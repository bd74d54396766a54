"""Loading needs the memory of the weights once, and what becomes of the file later does not matter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import save

from tests.conftest import MakeBundle

_MOST = 1.3
_MEASURE = """
import sys
from pathlib import Path
import torch
from plimsoll.bundle.folder import open_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader

def resident(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) * 1024

loader = ModelLoader(LoaderOptions(), batch_sizes=[1, 8], inline_budget_seconds=0.001)

def load(path):
    bundle = open_bundle(Path(path))
    bundle.verify_files()
    model = loader.load(bundle)
    loader.warm(model, loader.prove(bundle, model))
    return model

small = load(sys.argv[1])
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before = resident("VmRSS")
large = load(sys.argv[2])
print((resident("VmHWM") - before) / (Path(sys.argv[2]) / "weights.safetensors").stat().st_size)
"""


@pytest.fixture
def large(make_tiny_bundle: MakeBundle) -> Bundle:
    """A bundle of 128 MiB, whose layers are packed."""
    parameters = {"sizes": [4, *[2048] * 9, 3]}
    weights = save(build_architecture("digits-mlp", parameters).state_dict())
    return make_tiny_bundle(name="large", parameters=parameters, weights=weights)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux")
def test_loading_peaks_little_above_the_size_of_the_file(large: Bundle, make_tiny_bundle: MakeBundle) -> None:
    command = [sys.executable, "-c", _MEASURE, str(make_tiny_bundle().path), str(large.path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) <= _MOST


def test_a_file_that_changes_shrinks_or_goes_later_changes_nothing(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    model = ModelLoader(LoaderOptions(), batch_sizes=[1], inline_budget_seconds=0).load(bundle)
    rows = {"input": np.ones((2, 4), np.float32)}
    before = {name: tensor.copy() for name, tensor in model.run(rows).items()}
    file = bundle.path / "weights.safetensors"
    file.write_bytes(bytes(file.stat().st_size))
    np.testing.assert_array_equal(model.run(rows)["output"], before["output"])
    os.truncate(file, 1)
    np.testing.assert_array_equal(model.run(rows)["output"], before["output"])
    file.unlink()
    np.testing.assert_array_equal(model.run(rows)["output"], before["output"])
