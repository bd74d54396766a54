"""A server imports only what its bundles and settings need, and works where the other runtime is not installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import numpy as np
import pytest

from benchmarks.imports import imported, not_needed
from tests.doubles.onnx_bundles import ROWS, onnx_bundle
from tests.doubles.onnx_graphs import relu
from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess

RUNTIMES = {"torch", "onnxruntime"}
MAKING = {"onnx", "onnxscript"}
"""Packages that only making a bundle needs."""
DIGITS = REPOSITORY / "models" / "digits" / "2"


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bundles with one ONNX graph in it."""
    models = tmp_path_factory.mktemp("graphs")
    onnx_bundle(models, relu(), ROWS)
    return models


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bundles with one torch model in it."""
    models = tmp_path_factory.mktemp("digits")
    (models / "digits").mkdir()
    (models / "digits" / "2").symlink_to(DIGITS)
    return models


def imported_by(models: Path, body: dict[str, object]) -> set[str]:
    """The modules that `plimsoll serve` imports until it has answered one request, as `-X importtime` lists them."""
    served = ServedProcess(models)
    try:
        served.start(PYTHONPROFILEIMPORTTIME="1")
        reply = httpx.post(served.ready() + "/v1/predict", json=body, timeout=30)
        assert reply.status_code == 200, reply.text
        return {each.module for each in imported(served.log())}
    finally:
        served.kill()


def test_to_serve_an_onnx_bundle_imports_no_torch(graphs: Path) -> None:
    modules = imported_by(graphs, {"inputs": {"x": ROWS[0].tolist()}})
    assert "plimsoll" in modules
    assert modules & (RUNTIMES | MAKING) == {"onnxruntime"}
    assert not_needed(modules) == set()


def test_to_serve_a_torch_bundle_imports_no_onnx_runtime(digits: Path) -> None:
    modules = imported_by(digits, {"features": np.zeros(784).tolist()})
    assert modules & (RUNTIMES | MAKING) == {"torch"}
    assert not_needed(modules) == set()


@pytest.fixture(scope="module")
def installed_without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of links to every installed package but one runtime, and but the packages that only making needs.

    It takes the place of site-packages for a Python that was started with -S: the package is really not there, as in an
    image that does not install it. Its metadata is, which nothing asks for.
    """
    folders = {}
    for runtime in RUNTIMES:
        folders[runtime] = tmp_path_factory.mktemp(f"without-{runtime}")
        for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
            if entry.name not in MAKING | {runtime} and not entry.name.endswith(".pth"):
                (folders[runtime] / entry.name).symlink_to(entry)
    return folders


def run_without(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{installed}:{REPOSITORY / 'service'}"}
    return subprocess.run(
        [sys.executable, "-S", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_the_folders_of_these_tests_lack_one_runtime(installed_without: dict[str, Path], runtime: str) -> None:
    code = "from importlib.util import find_spec; print(*filter(find_spec, ('torch', 'onnxruntime', 'onnx')))"
    ran = run_without(installed_without[runtime], "-c", code)
    assert {runtime, *ran.stdout.split()} == RUNTIMES, ran.stderr
    assert len(ran.stdout.split()) == 1


def test_an_onnx_bundle_is_verified_where_torch_is_not_installed(
    installed_without: dict[str, Path], graphs: Path
) -> None:
    ran = run_without(installed_without["torch"], "-m", "plimsoll", "bundle", "verify", str(graphs / "graph" / "1"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [line.split()[:2] for line in ran.stdout.splitlines()][-1] == ["ok", "warm-up"]


def test_a_torch_bundle_is_verified_where_onnx_runtime_is_not_installed(installed_without: dict[str, Path]) -> None:
    ran = run_without(installed_without["onnxruntime"], "-m", "plimsoll", "bundle", "verify", str(DIGITS))
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_a_bundle_whose_runtime_is_not_installed_is_refused_with_the_image_to_take(
    installed_without: dict[str, Path], graphs: Path, runtime: str
) -> None:
    bundle = {"torch": DIGITS, "onnxruntime": graphs / "graph" / "1"}[runtime]
    ran = run_without(installed_without[runtime], "-m", "plimsoll", "bundle", "verify", str(bundle))
    assert ran.returncode == 1
    image = {
        "torch": "cpu or gpu, or pip install 'plimsoll[torch]'",
        "onnxruntime": "onnx, or pip install 'plimsoll[onnx]'",
    }
    assert ran.stdout.splitlines()[-1].startswith("fail format ")
    assert ran.stdout.rstrip().endswith(image[runtime])


def test_a_gpu_is_refused_in_a_sentence_where_torch_is_not_installed(
    installed_without: dict[str, Path], graphs: Path
) -> None:
    bundle = str(graphs / "graph" / "1")
    ran = run_without(installed_without["torch"], "-m", "plimsoll", "bundle", "verify", bundle, "--device", "cuda:9")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.match(r"error: 'cuda:9' was asked for, and ONNX Runtime .* has no CUDA provider", ran.stderr)
