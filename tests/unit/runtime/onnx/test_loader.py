from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from plimsoll.bundle.folder import Bundle
from plimsoll.errors import BundleError, DeviceError
from plimsoll.runtime.loaded_model import LoadedModel
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.onnx.loader import OnnxLoader
from plimsoll.runtime.onnx.tensor_types import DATATYPES

from tests.conftest import MakeBundle
from tests.doubles.onnx_bundles import ROWS, onnx_bundle
from tests.doubles.onnx_graphs import graph_model, linear, relu, tensor, value, with_external_data

NODE = helper.make_node
CPU = ModelLoader(LoaderOptions(threads=1), batch_sizes=[1, 2, 4], inline_budget_seconds=60)


def linear_answers() -> np.ndarray:
    from onnx.numpy_helper import to_array

    weights, bias = (to_array(each) for each in linear().graph.initializer)
    scores = np.exp(ROWS @ weights + bias)
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


def refusal(bundle: Bundle) -> BundleError:
    with pytest.raises(BundleError) as caught:
        proven(bundle)
    return caught.value


def proven(bundle: Bundle) -> LoadedModel:
    """The model of a bundle after everything that a server does before it serves."""
    model = CPU.load(bundle)
    CPU.warm(model, CPU.prove(bundle, model))
    return model


def test_a_good_bundle_loads_proves_and_warms(tmp_path: Path) -> None:
    bundle = onnx_bundle(tmp_path, linear(), linear_answers())
    model = CPU.load(bundle)
    seconds = CPU.warm(model, CPU.prove(bundle, model))
    assert list(seconds) == [1, 2, 4]
    assert model.inline_rows() == 4
    assert (model.device, model.parameters) == ("cpu", 15)
    assert model.signature == bundle.manifest.line_signature()


def test_another_answer_than_the_golden_one_is_refused(tmp_path: Path) -> None:
    assert refusal(onnx_bundle(tmp_path, linear(), linear_answers() + 0.1)).check == "golden"


def test_rows_of_open_length_run_but_not_on_the_event_loop(tmp_path: Path) -> None:
    words = np.arange(10, dtype=np.int64).reshape(2, 5)
    inputs = [value("x", TensorProto.INT64, ("batch", "length"))]
    total = graph_model(
        [NODE("Cast", ["x"], ["f"], to=TensorProto.FLOAT), NODE("ReduceSum", ["f", "axis"], ["y"], keepdims=1)],
        inputs=inputs, outputs=[value("y", shape=("batch", 1))], initialisers=[tensor("axis", np.array([1]))],
    )  # fmt: skip
    signature = {
        "inputs": [{"name": "x", "datatype": "INT64", "shape": [-1, -1]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
    }
    expected = words.sum(axis=1, keepdims=True).astype(np.float32)
    bundle = onnx_bundle(tmp_path, total, expected, inputs={"x": words}, signature=signature)
    model = proven(bundle)
    assert model.inline_rows(((7,),)) == 0
    batch = model.new_batch(3, ((7,),))
    batch["x"][:] = 1
    assert model.run(batch)["y"].tolist() == [[7], [7], [7]]


def lost_batch() -> ModelProto:
    """Gives one vector for any number of rows."""
    mean = NODE("ReduceMean", ["x", "axis"], ["y"], keepdims=0)
    return graph_model([mean], outputs=[value("y", shape=(4,))], initialisers=[tensor("axis", np.array([0]))])


def test_an_output_without_a_batch_dimension_is_refused(tmp_path: Path) -> None:
    expected = np.tile(ROWS.mean(axis=0), (5, 1))
    error = refusal(onnx_bundle(tmp_path, lost_batch(), expected))
    assert error.check == "signature"
    assert error.message == "output 'y' should be FP32 of shape [-1, 4], the model gives float32 of shape [4]"


def test_an_output_that_keeps_one_row_is_refused(tmp_path: Path) -> None:
    first = graph_model(
        [NODE("Slice", ["x", "zero", "one"], ["y"])],
        outputs=[value("y", shape=(1, 4))],
        initialisers=[tensor("zero", np.array([0])), tensor("one", np.array([1]))],
    )
    error = refusal(onnx_bundle(tmp_path, first, ROWS))
    assert (error.check, error.message) == (
        "golden", "output 'y' is of shape [1, 4], the golden samples expect [5, 4]",
    )  # fmt: skip


def test_a_graph_that_mixes_the_rows_of_a_batch_is_refused(tmp_path: Path) -> None:
    softmax = graph_model([NODE("Softmax", ["x"], ["y"], axis=0)])
    expected = np.exp(ROWS) / np.exp(ROWS).sum(axis=0)
    error = refusal(onnx_bundle(tmp_path, softmax, expected))
    assert error.check == "independence"


def test_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    fixed = relu(inputs=[value("x", shape=(5, 4))], outputs=[value("y", shape=(5, 4))])
    error = refusal(onnx_bundle(tmp_path, fixed, ROWS))
    assert error.check == "signature"
    assert "the first dimension of input 'x' is fixed to 5 in the graph" in error.message


def test_a_pipe_that_the_graph_names_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")  # to open it would wait for ever
    error = refusal(onnx_bundle(tmp_path, with_external_data("pipe"), ROWS))
    assert (error.check, "that file was not opened" in error.message) == ("format", True)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickled", bytes(range(256)), linear().SerializeToString()[:-30]])
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    error = refusal(onnx_bundle(tmp_path, content, ROWS))
    assert error.check in ("format", "weights")
    assert error.message.startswith(("model.onnx is not an ONNX file", "ONNX Runtime"))


def test_a_file_that_was_changed_is_not_opened(tmp_path: Path) -> None:
    bundle = onnx_bundle(tmp_path, linear(), linear_answers())
    (bundle.path / "model.onnx").write_bytes(relu().SerializeToString())
    assert refusal(bundle).check == "digest"


def test_a_file_of_two_gibibytes_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    bundle = onnx_bundle(tmp_path, relu(), ROWS)
    os.truncate(bundle.path / "model.onnx", 1 << 31)  # takes no space
    error = refusal(bundle)
    assert (error.check, error.message) == (
        "format", "model.onnx has 2147483648 bytes, and an ONNX file has at most 2147483647",
    )  # fmt: skip


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    bundle = onnx_bundle(tmp_path, relu(), ROWS)
    (bundle.path / "model.onnx").unlink()
    assert refusal(bundle).message == "model.onnx cannot be read: No such file or directory"


def test_a_bundle_of_another_format_is_not_this_loaders(make_tiny_bundle: MakeBundle) -> None:
    with pytest.raises(BundleError, match="ONNX Runtime runs no bundle of the format safetensors"):
        OnnxLoader(LoaderOptions()).load(make_tiny_bundle())


def test_a_device_that_onnx_runtime_cannot_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="has no CUDA provider"):
        OnnxLoader(LoaderOptions(device="cuda"))


@pytest.mark.parametrize(("theirs", "ours"), list(DATATYPES.items()))
def test_every_datatype_goes_in_and_comes_out(tmp_path: Path, theirs: str, ours: str) -> None:
    from plimsoll.inference.payloads import NUMPY_DTYPES

    dtype = NUMPY_DTYPES[DATATYPES[theirs]]
    number = helper.np_dtype_to_tensor_dtype(dtype)
    rows = np.arange(8).reshape(2, 4).astype(dtype)
    described = {"datatype": ours, "shape": [-1, 4]}
    signature = {"inputs": [{"name": "x", **described}], "outputs": [{"name": "y", **described}]}
    identity = graph_model([NODE("Identity", ["x"], ["y"])], inputs=[value("x", number)], outputs=[value("y", number)])
    bundle = onnx_bundle(tmp_path, identity, rows, inputs={"x": rows}, signature=signature)
    answer = CPU.load(bundle).run({"x": rows})["y"]
    assert answer.dtype == dtype
    assert answer.tolist() == rows.tolist()
