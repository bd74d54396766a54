from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from plimsoll.bundle.folder import open_bundle
from plimsoll.errors import BundleError
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.onnx.new_model import NewOnnxModel

from tests.doubles.onnx_bundles import ROWS
from tests.doubles.onnx_graphs import endless, graph_model, linear, relu, tensor, value, with_external_data

NODE = helper.make_node
LENGTHS = np.array([[3], [5]], np.int64)


def new_model(model: ModelProto, **options: object) -> NewOnnxModel:
    return NewOnnxModel(model.SerializeToString(), **options)  # type: ignore[arg-type]


def refusal(model: ModelProto, **options: object) -> BundleError:
    with pytest.raises(BundleError) as caught:
        new_model(model, **options)
    return caught.value


def refusal_to_run(model: ModelProto, inputs: dict[str, np.ndarray], **options: object) -> BundleError:
    made = new_model(model, **options)
    with pytest.raises(BundleError) as caught:
        made.run(inputs)
    return caught.value


def two_of_each() -> ModelProto:
    """Two inputs and two outputs, both in an order that is not that of the alphabet."""
    nodes = [NODE("Add", ["x", "shift"], ["sum"]), NODE("Sub", ["x", "shift"], ["difference"])]
    return graph_model(
        nodes,
        inputs=[value("x"), value("shift", shape=("batch", 1))],
        outputs=[value("sum", shape=("batch", 4)), value("difference", shape=("batch", 4))],
    )


def test_the_parts_of_a_bundle_come_from_the_graph() -> None:
    model = new_model(two_of_each())
    assert list(model.input_names) == ["x", "shift"]
    assert list(model.ordered(["shift", "x"])) == ["x", "shift"]
    assert model.record == {"format": "onnx", "graph": "model.onnx"}
    assert model.files == {"model.onnx": two_of_each().SerializeToString()}
    assert model.framework == {"name": "onnx", "version": "opset 18"}
    outputs = model.run({"shift": np.ones((5, 1), np.float32), "x": ROWS})
    assert list(outputs) == ["sum", "difference"]
    assert np.array_equal(outputs["sum"], ROWS + 1)
    assert np.array_equal(outputs["difference"], ROWS - 1)


def test_the_framework_is_the_one_that_wrote_the_graph() -> None:
    assert new_model(relu(producer_name="pytorch", producer_version="2.13.0+cpu")).framework == {
        "name": "pytorch", "version": "2.13.0",
    }  # fmt: skip
    assert new_model(relu(producer_name="skl2onnx")).framework == {"name": "skl2onnx", "version": "unknown"}


def test_open_dimensions_are_those_of_the_graph() -> None:
    words = value("x", TensorProto.INT64, ("batch", "length", 2, None))
    same = value("y", TensorProto.INT64, ("batch", "length", 2, None))
    model = new_model(graph_model([NODE("Identity", ["x"], ["y"])], inputs=[words], outputs=[same]))
    assert model.open_dimensions == {"x": [1, 3], "y": [1, 3]}
    assert model.notes == ["'x' has rows of any length in dimension 1 and 3, because the graph leaves it open"]


def test_an_output_of_unknown_length_is_not_open_where_no_input_is() -> None:
    model = new_model(relu(outputs=[value("y", shape=("batch", None))]))
    assert (model.open_dimensions, model.notes) == ({}, [])


def test_outputs_are_chosen_by_name_and_in_order() -> None:
    inputs = {"x": ROWS, "shift": np.ones((5, 1), np.float32)}
    assert list(new_model(two_of_each(), outputs=["difference", "sum"]).run(inputs)) == ["difference", "sum"]
    assert list(new_model(two_of_each(), outputs=["sum"]).run(inputs)) == ["sum"]
    assert refusal(two_of_each(), outputs=["mean"]).message == (
        "the graph has no output 'mean'; it has sum, difference"
    )


def test_an_output_that_no_signature_can_express_may_be_left_out() -> None:
    model = graph_model(
        [NODE("SequenceConstruct", ["x"], ["all"]), NODE("Relu", ["x"], ["y"])],
        outputs=[helper.make_tensor_sequence_value_info("all", TensorProto.FLOAT, None), value("y")],
    )
    assert "'seq(tensor(float))', which no signature can express" in refusal(model).message
    assert list(new_model(model, outputs=["y"]).run({"x": ROWS})) == ["y"]


@pytest.mark.parametrize(
    ("model", "check", "sentence"),
    [
        (with_external_data("/etc/passwd"), "format", "the numbers of tensor 'outside' are in another file, which the"),
        (relu(opset=99), "format", "the ONNX file imports opset 99 of the domain 'ai.onnx'"),
        (relu(inputs=[value("x", shape=(1, 4))]), "signature", "the first dimension of input 'x' is fixed to 1"),
        (
            graph_model([NODE("Relu", ["x:0"], ["y"])], inputs=[value("x:0")]),
            "signature",
            "the graph has an input 'x:0', and no tensor of a signature can have that name",
        ),
        (
            graph_model([NODE("Relu", ["x"], ["y:0"])], outputs=[value("y:0")]),
            "signature",
            "the graph has an output 'y:0', and no tensor of a signature can have that name",
        ),
    ],
    ids=["external data", "opset", "fixed batch", "name of an input", "name of an output"],
)
def test_a_graph_that_makes_no_bundle_is_refused(model: ModelProto, check: str, sentence: str) -> None:
    error = refusal(model)
    assert error.check == check
    assert error.message.startswith(sentence)


def test_a_graph_that_takes_nothing_is_refused() -> None:
    constant = graph_model(
        [NODE("Constant", [], ["y"], value=tensor("", np.ones((1, 4), np.float32)))], inputs=[value("x")]
    )
    del constant.graph.input[:]
    assert refusal(constant).message == "the graph in the ONNX file takes no input, so nothing could ask it"


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({}, "the graph needs input 'x', of which there is no example"),
        (
            {"x": ROWS.astype(np.float64)},
            "input 'x' of the graph is float32, and its example holds float64; save example.astype(numpy.float32)",
        ),
        ({"x": ROWS[:, :3]}, "input 'x' of the graph is of shape [-1, 4], and its example is of shape [5, 3]"),
        ({"x": ROWS[..., None]}, "input 'x' of the graph is of shape [-1, 4], and its example is of shape [5, 4, 1]"),
    ],
    ids=["nothing", "datatype", "length", "rank"],
)
def test_an_example_that_does_not_fit_the_graph_is_refused(inputs: dict[str, np.ndarray], sentence: str) -> None:
    error = refusal_to_run(relu(), inputs)
    assert (error.check, error.message) == ("signature", sentence)


def test_an_example_in_the_other_byte_order_is_not_misread() -> None:
    assert refusal_to_run(relu(), {"x": ROWS.astype(">f4")}).message.startswith("input 'x' of the graph is float32")


def test_rows_that_are_not_in_order_in_memory_are_read_right() -> None:
    rows = np.asfortranarray(ROWS)
    assert new_model(relu()).run({"x": rows})["y"].tolist() == ROWS.tolist()


def test_a_run_that_does_not_end_is_ended() -> None:
    error = refusal_to_run(endless(), {"x": ROWS}, run_seconds=0.2)
    assert error.check == "weights"
    assert error.message.startswith("the graph had not answered the example after 0.2 s, and the run was ended")


def test_no_bundle_is_made_of_a_graph_that_does_not_end(tmp_path: Path) -> None:
    recipe = Recipe(name="endless", version="1", examples=[{"x": ROWS}])
    with pytest.raises(BundleError, match="the run was ended"):
        make_bundle(tmp_path / "models", recipe, new_model(endless(), run_seconds=0.2))
    assert not (tmp_path / "models").exists()


def test_a_graph_that_fails_on_the_example_is_refused() -> None:
    gather = graph_model(
        [NODE("Gather", ["table", "x"], ["y"])],
        inputs=[value("x", TensorProto.INT64, ("batch", 1))],
        outputs=[value("y", shape=("batch", 1, 2))],
        initialisers=[tensor("table", np.ones((4, 2), np.float32))],
    )
    error = refusal_to_run(gather, {"x": LENGTHS})
    assert (error.check, error.message) == (
        "weights", "the graph cannot be run on the example: it raised InvalidArgument",
    )  # fmt: skip


def test_a_bundle_of_a_graph_is_made_loaded_and_proven(tmp_path: Path) -> None:
    recipe = Recipe(name="linear", version="1", examples=[{"x": ROWS}], labels=["a", "b", "c"])
    make_bundle(tmp_path, recipe, new_model(linear()))
    bundle = open_bundle(tmp_path / "linear" / "1")
    loader = ModelLoader(LoaderOptions(threads=1), batch_sizes=[1, 8], inline_budget_seconds=60)
    model = loader.load(bundle)
    loader.warm(model, loader.prove(bundle, model))
    assert bundle.manifest.model.format == "onnx"
    assert model.parameters == 15
