from __future__ import annotations

import threading
from pathlib import Path

import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.cli.time_limit import time_limit
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader

from tests.doubles.onnx_bundles import ROWS, onnx_bundle
from tests.doubles.onnx_graphs import endless, relu
from tests.unit.cli.conftest import RunPlimsoll

CPU = ModelLoader(LoaderOptions(threads=1), batch_sizes=[1, 2], inline_budget_seconds=0)


def prove_in_time(bundle: Bundle, seconds: float) -> None:
    model = CPU.load(bundle)
    with time_limit(model, seconds):
        CPU.prove(bundle, model)


def test_a_model_that_answers_in_time_is_not_disturbed(tmp_path: Path) -> None:
    bundle = onnx_bundle(tmp_path, relu(), ROWS)
    model = CPU.load(bundle)
    with time_limit(model, 60):
        CPU.prove(bundle, model)
    with pytest.raises(BundleError) as caught, time_limit(model, 60):
        raise BundleError("golden", "it is wrong")
    assert (caught.value.check, caught.value.message) == ("golden", "it is wrong")


def test_a_run_without_end_is_ended_and_explained(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        prove_in_time(onnx_bundle(tmp_path, endless(), ROWS), 0.2)
    assert (caught.value.check, caught.value.message) == (
        "start-up",
        "its checks were not done after 0.2 s (PLIMSOLL_START_SECONDS), and the run of the model was ended",
    )


def test_verify_ends_after_the_time_that_a_server_has(
    tmp_path: Path, plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLIMSOLL_START_SECONDS", "0.3")
    ran = plimsoll("bundle", "verify", str(onnx_bundle(tmp_path, endless(), ROWS).path))
    assert ran.code == 1
    assert ran.out.splitlines()[-1].split()[:2] == ["fail", "start-up"]


def test_no_thread_is_left_that_could_wake_while_the_process_ends(tmp_path: Path) -> None:
    before = threading.active_count()
    with time_limit(CPU.load(onnx_bundle(tmp_path, relu(), ROWS)), 60):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
