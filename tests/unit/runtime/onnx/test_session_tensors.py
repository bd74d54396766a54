from __future__ import annotations

from typing import Any

import pytest
from onnx import ModelProto, TensorProto, helper
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.onnx.session_opening import open_session
from plimsoll.runtime.onnx.session_tensors import check_signature, check_tensor, tensors_of

from tests.doubles.onnx_graphs import FLOAT, INT64, graph_model, linear, relu, value

NODE = helper.make_node
X, Y = TensorSpec("x", "FP32", (-1, 4)), TensorSpec("y", "FP32", (-1, 4))


def session_of(model: ModelProto) -> Any:
    return open_session(model.SerializeToString(), "model.onnx").session


def refusal(model: ModelProto, signature: Signature) -> str:
    with pytest.raises(BundleError) as caught:
        check_signature(session_of(model), signature)
    assert caught.value.check == "signature"
    return caught.value.message


def two_inputs() -> ModelProto:
    words = value("words", INT64, ("batch", "length"))
    nodes = [
        NODE("Cast", ["words"], ["f"], to=FLOAT),
        NODE("ReduceSum", ["f", "axis"], ["s"], keepdims=1),
        NODE("Add", ["x", "s"], ["y"]),
    ]
    axis = helper.make_tensor("axis", INT64, [1], [1])
    return graph_model(nodes, inputs=[value("x"), words], initialisers=[axis])


def test_the_tensors_of_a_graph_have_datatypes_and_open_dimensions() -> None:
    inputs, outputs = tensors_of(session_of(two_inputs()))
    assert [(each.name, each.datatype, each.shape) for each in inputs] == [
        ("x", "FP32", (None, 4)), ("words", "INT64", (None, None)),
    ]  # fmt: skip
    assert [(each.name, each.datatype) for each in outputs] == [("y", "FP32")]


@pytest.mark.parametrize(
    ("model", "signature"),
    [
        (relu(), Signature((X,), (Y,))),
        (linear(), Signature((X,), (TensorSpec("y", "FP32", (-1, 3)),))),
        (two_inputs(), Signature((TensorSpec("words", "INT64", (-1, 7)), X), (Y,))),
        (relu(inputs=[value("x", shape=None)], outputs=[value("y", shape=None)]), Signature((X,), (Y,))),
        (relu(outputs=[value("y", shape=(1, 4))]), Signature((X,), (Y,))),
    ],
    ids=["relu", "linear", "two inputs", "shapes unknown", "output declared wrongly"],
)
def test_a_signature_that_describes_the_graph_passes(model: ModelProto, signature: Signature) -> None:
    check_signature(session_of(model), signature)


@pytest.mark.parametrize(
    ("signature", "graph", "manifest"),
    [
        (Signature((TensorSpec("z", "FP32", (-1, 4)),), (Y,)), "inputs of the graph are 'x' FP32", "'z' FP32"),
        (Signature((TensorSpec("x", "FP64", (-1, 4)),), (Y,)), "inputs of the graph are 'x' FP32", "'x' FP64"),
        (
            Signature((X, TensorSpec("z", "BOOL", (-1,))), (Y,)),
            "inputs of the graph are 'x' FP32",
            "'x' FP32, 'z' BOOL",
        ),
        (Signature((X,), (TensorSpec("z", "FP32", (-1, 4)),)), "outputs of the graph are 'y' FP32", "'z' FP32"),
    ],
    ids=["name", "datatype", "surplus", "output"],
)
def test_a_signature_of_other_tensors_is_refused(signature: Signature, graph: str, manifest: str) -> None:
    assert refusal(relu(), signature) == f"the {graph}, and those of the manifest are {manifest}"


@pytest.mark.parametrize("shape", [(-1, 5), (-1, -1), (-1,), (-1, 4, 1)])
def test_a_signature_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    assert refusal(relu(), Signature((TensorSpec("x", "FP32", shape),), (Y,))) == (
        f"input 'x' is of shape [-1, 4] in the graph, and of shape {list(shape)} in the manifest"
    )


def test_an_input_that_the_signature_does_not_name_is_refused() -> None:
    assert refusal(two_inputs(), Signature((X,), (Y,))) == (
        "the inputs of the graph are 'x' FP32, 'words' INT64, and those of the manifest are 'x' FP32"
    )


def test_outputs_that_the_signature_does_not_name_are_left_out() -> None:
    model = graph_model(
        [NODE("Relu", ["x"], ["y"]), NODE("Neg", ["x"], ["other"])], outputs=[value("y"), value("other")]
    )
    check_signature(session_of(model), Signature((X,), (Y,)))


def test_a_fixed_batch_is_refused_with_the_dimension_and_the_way_to_open_it() -> None:
    sentence = refusal(
        relu(inputs=[value("x", shape=(8, 4))], outputs=[value("y", shape=(8, 4))]), Signature((X,), (Y,))
    )
    assert sentence.startswith("the first dimension of input 'x' is fixed to 8 in the graph, and the rows of several")
    assert "dynamic_shapes={'x': {0: torch.export.Dim.DYNAMIC}}" in sentence


@pytest.mark.parametrize(
    ("name", "datatype", "sentence"),
    [
        ("x:0", FLOAT, "the graph has an input 'x:0', and no tensor of a signature can have that name; name it with"),
        ("onnx::Gemm_0", FLOAT, "the graph has an input 'onnx::Gemm_0', and no tensor"),
        ("/a", FLOAT, "the graph has an input '/a', and no tensor"),
        ("größe", FLOAT, "the graph has an input 'größe', and no tensor"),
        ("x" * 200, FLOAT, "no tensor of a signature can have that name"),
        ("x\n", FLOAT, "no tensor of a signature can have that name"),
        ("x", TensorProto.STRING, "input 'x' of the graph is 'tensor(string)', which no signature can express"),
        ("x", TensorProto.BFLOAT16, "input 'x' of the graph is 'tensor(bfloat16)', which no signature can express"),
    ],
)
def test_a_tensor_that_no_signature_can_describe_is_refused(name: str, datatype: int, sentence: str) -> None:
    model = graph_model(
        [NODE("Identity", [name], ["y"])], inputs=[value(name, datatype)], outputs=[value("y", datatype)]
    )
    ((tensor,), _) = tensors_of(session_of(model))
    with pytest.raises(BundleError) as caught:
        check_tensor(tensor)
    assert caught.value.check == "signature"
    assert sentence in caught.value.message


def test_an_output_that_is_no_tensor_is_refused_with_what_scikit_learn_can_do() -> None:
    model = graph_model(
        [NODE("SequenceConstruct", ["x"], ["y"])], outputs=[helper.make_tensor_sequence_value_info("y", FLOAT, None)]
    )
    _, (output,) = tensors_of(session_of(model))
    with pytest.raises(
        BundleError, match=r"output 'y' of the graph is 'seq\(tensor\(float\)\)', which no .*zipmap=False"
    ):
        check_tensor(output)
