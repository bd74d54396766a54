from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.static_quantisation import quantised_graph

from tests.doubles.onnx_digits import exported_digits
from tests.doubles.onnx_graphs import linear

HELD_OUT = Path(__file__).parents[4] / "training" / "digits-heldout.npz"


def test_the_digits_in_eight_bits_are_answered_alike_and_each_row_by_itself() -> None:
    with np.load(HELD_OUT, allow_pickle=False) as archive:
        rows = (archive["pixels"][:200] / 255).astype(np.float32)
    exact = exported_digits("1")
    made = quantised_graph(exact, {"pixels": rows})
    assert len(made) < len(exact) / 3
    graph = onnx.load_from_string(made)
    assert {"QuantizeLinear", "DequantizeLinear", "Gemm"} <= {node.op_type for node in graph.graph.node}
    assert "DynamicQuantizeLinear" not in {node.op_type for node in graph.graph.node}
    weights = [
        each for each in graph.graph.initializer if each.data_type == onnx.TensorProto.INT8 and len(each.dims) > 1
    ]
    assert max(int(np.abs(onnx.numpy_helper.to_array(each)).max()) for each in weights) <= 64  # seven bits
    before, after = (onnxruntime.InferenceSession(each).run(None, {"pixels": rows})[0] for each in (exact, made))
    assert (before.argmax(axis=1) == after.argmax(axis=1)).mean() > 0.98
    neighbours = np.concatenate([rows[:1], np.ones((7, 784), np.float32)])
    alone, among = (
        onnxruntime.InferenceSession(made).run(None, {"pixels": each})[0][0] for each in (rows[:1], neighbours)
    )
    assert np.allclose(alone, among, atol=1e-6)


def test_a_graph_without_products_or_that_is_none_is_refused_and_logging_goes_on() -> None:
    disabled = logging.root.manager.disable
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 2])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 2])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Abs", ["x"], ["y"])], "abs", [x], [y])
    content = onnx.helper.make_model(graph).SerializeToString()
    rows = {"x": np.ones((2, 2), np.float32)}
    with pytest.raises(BundleError, match="its graph has none of the operators Conv, ConvTranspose, Gemm, MatMul"):
        quantised_graph(content, rows)
    with pytest.raises(BundleError, match="ONNX Runtime cannot quantise this graph"):
        quantised_graph(b"no graph", rows)
    with pytest.raises(BundleError, match="ONNX Runtime cannot quantise this graph"):
        quantised_graph(linear().SerializeToString(), {"another": np.ones((2, 2), np.float32)})
    assert logging.root.manager.disable == disabled
