from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, helper
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.onnx.loader import OnnxLoader
from plimsoll.runtime.onnx.onnx_model import OnnxModel

from tests.doubles.onnx_bundles import ROWS, onnx_bundle
from tests.doubles.onnx_graphs import endless, graph_model, relu, tensor

NODE = helper.make_node
IDENTITY = graph_model([NODE("Identity", ["x"], ["y"])])
KEEPS_MEMORY = {
    "identity": IDENTITY,
    "reshape": graph_model([NODE("Reshape", ["x", "s"], ["y"])], initialisers=[tensor("s", np.array([-1, 4]))]),
    "relu": relu(),
    "in place": graph_model([NODE("Relu", ["x"], ["a"]), NODE("Relu", ["a"], ["y"])]),
}
MakeModel = Callable[..., OnnxModel]


@pytest.fixture
def load(tmp_path: Path) -> MakeModel:
    def make(model: ModelProto, threads: int = 1) -> OnnxModel:
        return OnnxLoader(LoaderOptions(threads=threads)).load(onnx_bundle(tmp_path, model, ROWS))

    return make


@pytest.mark.parametrize("name", KEEPS_MEMORY)
def test_an_answer_is_memory_of_its_own(load: MakeModel, name: str) -> None:
    model = load(KEEPS_MEMORY[name])
    batch = model.new_batch(5)
    batch["x"][:] = ROWS
    first = model.run(batch)["y"]
    assert not np.shares_memory(first, batch["x"])
    assert first.flags.c_contiguous
    assert batch["x"].tolist() == ROWS.tolist()
    batch["x"][:] = 7
    second = model.run(batch)["y"]
    assert not np.shares_memory(first, second)
    assert first.tolist() == ROWS.tolist()
    first[:] = 9
    assert (second == 7).all()
    assert (model.run(batch)["y"] == 7).all()


@given(rows=st.integers(1, 40), seed=st.integers(0, 9))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_of_rows_is_answered(shared_relu: OnnxModel, rows: int, seed: int) -> None:
    batch = shared_relu.new_batch(rows)
    assert [(name, tensor.shape, str(tensor.dtype)) for name, tensor in batch.items()] == [("x", (rows, 4), "float32")]
    batch["x"][:] = np.random.default_rng(seed).normal(size=(rows, 4))
    assert (shared_relu.run(batch)["y"] == np.maximum(batch["x"], 0)).all()


@pytest.fixture(scope="module")
def shared_relu(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    return OnnxLoader(LoaderOptions(threads=1)).load(onnx_bundle(tmp_path_factory.mktemp("relu"), relu(), ROWS))


def test_runs_of_several_threads_do_not_disturb_each_other(load: MakeModel) -> None:
    model, wrong = load(relu(), threads=2), []

    def run(number: int) -> None:
        for _ in range(200):
            batch = model.new_batch(3)
            batch["x"][:] = number
            if not (model.run(batch)["y"] == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_run_without_end_ends_when_it_is_interrupted_and_later_ones_fail_at_once(load: MakeModel) -> None:
    model = load(endless())
    errors: list[str] = []

    def run() -> None:
        try:
            model.run({"x": ROWS})
        except Exception as error:
            errors.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    model.interrupt()
    thread.join(30)
    assert not thread.is_alive()
    run()
    assert len(errors) == 2
    assert all("terminate flag" in error for error in errors)


def test_a_model_of_no_warm_up_runs_nothing_on_the_event_loop(load: MakeModel) -> None:
    model = load(IDENTITY)
    assert model.inline_rows() == 0
    model.warmed_inline_rows = {(): 8}
    assert (model.inline_rows(), model.inline_rows(((4,),))) == (8, 0)
    assert model.threads == 1
    with model.on_one_thread():
        assert model.run({"x": ROWS})["y"].tolist() == ROWS.tolist()


def test_the_rounding_is_that_of_the_graph(load: MakeModel) -> None:
    assert load(IDENTITY).coarsest_rounding({"x": ROWS}) == 2.0**-23
