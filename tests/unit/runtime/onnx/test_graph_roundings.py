"""The roundings among the facts of a graph: only of values that are used."""

from __future__ import annotations

import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper
from plimsoll.runtime.onnx.graph_facts import GraphFacts, read_facts

from tests.doubles.onnx_graphs import FLOAT, graph_model, value, with_branches, with_function

NODE = helper.make_node


def facts_of(model: ModelProto) -> GraphFacts:
    return read_facts(model.SerializeToString(), "model.onnx")


def of_type(datatype: int, name: str = "w") -> TensorProto:
    return TensorProto(name=name, data_type=datatype, dims=[1], raw_data=bytes(2))


COARSE: dict[int, float] = {
    TensorProto.FLOAT16: 2.0**-10, TensorProto.BFLOAT16: 2.0**-7, TensorProto.FLOAT8E4M3FN: 2.0**-3,
    TensorProto.FLOAT8E5M2: 2.0**-2, TensorProto.FLOAT4E2M1: 0.5,
}  # fmt: skip
RELU = NODE("Relu", ["x"], ["y"])


@pytest.mark.parametrize("datatype", COARSE)
@pytest.mark.parametrize("place", ["initialiser", "constant", "value", "input", "branch", "cast"])
def test_a_datatype_of_values_that_nobody_uses_is_no_rounding(datatype: int, place: str) -> None:
    model = graph_model([RELU])
    if place == "initialiser":
        model = graph_model([RELU], initialisers=[of_type(datatype)])
    elif place == "constant":
        model = graph_model([RELU, NODE("Constant", [], ["w"], value=of_type(datatype, ""))])
    elif place == "value":
        model.graph.value_info.append(value("w", datatype))
    elif place == "input":
        model = graph_model([RELU], inputs=[value("x"), value("w", datatype)])
    elif place == "branch":
        model = with_branches()
        model.graph.node[0].attribute[0].g.initializer.append(of_type(datatype))
    else:
        model = graph_model([RELU, NODE("Cast", ["x"], ["w"], to=datatype)])
    assert facts_of(model).coarsest_rounding == 2.0**-23


@pytest.mark.parametrize("datatype", COARSE)
@pytest.mark.parametrize("place", ["initialiser", "constant", "value", "input", "output", "branch", "function", "cast"])
def test_the_datatype_of_a_value_that_is_used_is_a_rounding(datatype: int, place: str) -> None:
    to_float = NODE("Cast", ["w"], ["y"], to=FLOAT)
    model = graph_model([to_float])
    if place == "initialiser":
        model = graph_model([to_float], initialisers=[of_type(datatype)])
    elif place == "constant":
        model = graph_model([NODE("Constant", [], ["w"], value=of_type(datatype, "")), to_float])
    elif place == "value":
        model.graph.value_info.append(value("w", datatype))
    elif place == "input":
        model = graph_model([to_float], inputs=[value("w", datatype)])
    elif place == "output":
        model = graph_model([RELU], outputs=[value("y", datatype)])
    elif place == "branch":
        model = with_branches()
        branch = next(each.g for each in model.graph.node[0].attribute if each.g.initializer)
        branch.initializer[0].data_type = datatype
    elif place == "function":
        model = with_function()
        model.functions[0].node.append(NODE("Cast", ["s"], ["b"], to=datatype))
    else:
        model = graph_model([NODE("Cast", ["x"], ["w"], to=datatype), to_float])
    assert facts_of(model).coarsest_rounding == COARSE[datatype]


TO_INT8 = NODE("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])
FP16 = TensorProto.FLOAT16


@pytest.mark.parametrize(
    "dead",
    [
        [NODE("Round", ["x"], ["w"])],
        [NODE("Round", ["x"], ["w"]), NODE("Identity", ["w"], ["v"])],
        [NODE("Cast", ["x"], ["w"], to=FP16), NODE("Cast", ["w"], ["v"], to=FLOAT)],
        [TO_INT8, NODE("DequantizeLinear", ["q", "s", "z"], ["w"])],
        [NODE("Round", ["x"], [""])],
    ],
    ids=["round", "round in a chain", "casts", "quantised", "without a name"],
)
def test_operators_whose_values_no_output_depends_on_round_nothing(dead: list[NodeProto]) -> None:
    optional = NODE("Clip", ["x", "", ""], ["y"])  # takes no bounds, and not the values without a name
    assert facts_of(graph_model([*dead, optional])).coarsest_rounding == 2.0**-23


@pytest.mark.parametrize(
    ("nodes", "rounding"),
    [
        ([NODE("Round", ["x"], ["w"]), NODE("Identity", ["w"], ["v"]), NODE("Relu", ["v"], ["y"])], 2.0**-7),
        ([TO_INT8, NODE("Mul", ["x", "s"], ["y"])], 2.0**-7),
        ([NODE("Cast", ["x"], ["w"], to=FP16), NODE("Cast", ["w"], ["y"], to=FLOAT)], 2.0**-10),
    ],
    ids=["round in a chain", "one output of several", "casts"],
)
def test_operators_that_an_output_depends_on_round_it(nodes: list[NodeProto], rounding: float) -> None:
    assert facts_of(graph_model(nodes)).coarsest_rounding == rounding


@pytest.mark.parametrize("used", [True, False])
def test_a_value_that_a_branch_takes_from_outside_counts_if_the_branch_is_needed(used: bool) -> None:
    model = with_branches()
    model.graph.node.insert(0, NODE("Round", ["x"], ["w"]))
    then = next(each.g for each in model.graph.node[1].attribute if each.name == "then_branch")
    then.node[0].input[0] = "w"
    if not used:
        model.graph.node[1].output[0] = "nobody"
        model.graph.node.append(RELU)
    assert facts_of(model).coarsest_rounding == (2.0**-7 if used else 2.0**-23)


def test_in_a_file_with_more_values_than_are_kept_every_datatype_counts() -> None:
    nodes = [NODE("Concat", [f"v{value}" for value in range(1 << 18)], ["y"])]
    model = graph_model(nodes, initialisers=[of_type(TensorProto.FLOAT16)])
    assert facts_of(model).coarsest_rounding == 2.0**-10
    del nodes[0].input[:2]
    assert facts_of(graph_model(nodes, initialisers=model.graph.initializer)).coarsest_rounding == 2.0**-23
