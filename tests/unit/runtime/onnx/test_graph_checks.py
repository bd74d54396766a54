from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper
from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.graph_checks import check_facts
from plimsoll.runtime.onnx.graph_facts import read_facts
from plimsoll.runtime.onnx.session_opening import open_session

from tests.doubles.onnx_graphs import (
    endless,
    endless_scan,
    folded_loop,
    graph_model,
    idle_loop,
    linear,
    loop_of_one,
    tensor,
    with_external_data,
)  # fmt: skip

FILE = "model.onnx"


def refusal(model: ModelProto) -> str:
    with pytest.raises(BundleError) as caught:
        check_facts(read_facts(model.SerializeToString(), FILE), FILE)
    assert caught.value.check == "format"
    return caught.value.message


def of_domain(domain: str, **further: Any) -> ModelProto:
    node = helper.make_node("Frobnicate", ["x"], ["y"], domain=domain)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    return graph_model([node], opset_imports=opsets, **further)


@pytest.mark.parametrize("model", [linear(), endless(), folded_loop()], ids=["linear", "endless", "folded"])
def test_graphs_of_standard_operators_pass(model: ModelProto) -> None:
    check_facts(read_facts(model.SerializeToString(), FILE), FILE)


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "weights.bin", "*/_ORT_MEM_ADDR_/*"])
@pytest.mark.parametrize("in_constant", [False, True])
def test_weights_in_another_file_are_refused_without_its_name(location: str, in_constant: bool) -> None:
    sentence = refusal(with_external_data(location, in_constant=in_constant))
    assert sentence.startswith("the numbers of tensor 'outside' are in another file, which model.onnx names; that file")
    assert "onnx.save_model(onnx.load(PATH), NEW_PATH)" in sentence
    assert location not in sentence


def test_the_advice_for_weights_in_another_file_puts_them_into_one(tmp_path: Path) -> None:
    import onnx

    onnx.save_model(
        linear(), str(tmp_path / "a.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    parted = (tmp_path / "a.onnx").read_bytes()
    assert read_facts(parted, FILE).external
    onnx.save_model(onnx.load(str(tmp_path / "a.onnx")), str(tmp_path / "b.onnx"))
    facts = read_facts((tmp_path / "b.onnx").read_bytes(), FILE)
    check_facts(facts, FILE)
    assert facts.parameters == 15


def test_an_operator_of_a_foreign_domain_is_refused_by_name() -> None:
    assert refusal(of_domain("my.company")) == (
        "model.onnx uses the operator 'Frobnicate' of the domain 'my.company', which ONNX Runtime does not have; "
        "export the model with standard operators"
    )


def test_an_operator_that_the_file_defines_itself_passes() -> None:
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function("mine", "Frobnicate", ["a"], ["b"], body, [helper.make_opsetid("", 18)])
    model = of_domain("mine", functions=[function])
    check_facts(read_facts(model.SerializeToString(), FILE), FILE)


def test_a_loop_that_nothing_could_end_is_refused() -> None:
    assert "a Loop or Scan whose body computes nothing, which could run for ever" in refusal(idle_loop())
    assert "a Loop or Scan whose body computes nothing, which could run for ever" in refusal(endless_scan())


def looping(steps: str, condition: str, *initialisers: TensorProto, nodes: Sequence[NodeProto] = ()) -> ModelProto:
    """A loop that doubles 1, with values for its steps and its condition; it runs twice or until it is ended."""
    model = endless()
    loop = next(node for node in model.graph.node if node.op_type == "Loop")
    loop.input[0], loop.input[1] = steps, condition
    for at, node in enumerate(nodes):
        model.graph.node.insert(at, node)
    model.graph.initializer.extend(initialisers)
    return model


NODE = helper.make_node
NO_STEPS = tensor("steps", np.zeros(0, np.int64))
NO_TRUTH = tensor("truth", np.zeros(0, np.bool_))
TWO = tensor("two", np.int64(2))


def with_a_body_that_ends_in(value_of_condition: str) -> ModelProto:
    model = looping("two", "true", TWO, NO_TRUTH)
    body = next(node for node in model.graph.node if node.op_type == "Loop").attribute[0].g
    body.node[0].input[0] = value_of_condition
    body.output[0].type.tensor_type.ClearField("shape")
    return model


@pytest.mark.parametrize(
    "model",
    [
        looping("steps", "true", NO_STEPS),
        looping("steps", "true", tensor("steps", np.zeros((0, 5), np.int64))),
        looping("steps", "", NO_STEPS),
        looping("two", "truth", TWO, NO_TRUTH),
        looping("made", "true", nodes=[NODE("Constant", [], ["made"], value=NO_STEPS)]),
        looping("made", "true", NO_STEPS, nodes=[NODE("Identity", ["steps"], ["made"])]),
        looping(
            "made", "true", tensor("floats", np.zeros((2, 0), np.float32)),
            nodes=[NODE("Cast", ["floats"], ["whole"], to=TensorProto.INT64), NODE("Flatten", ["whole"], ["made"])],
        ),
        with_a_body_that_ends_in("truth"),
    ],
    ids=["steps", "of two dimensions", "steps alone", "condition", "constant", "identity", "cast", "after a step"],
)  # fmt: skip
def test_a_loop_over_a_tensor_without_an_element_is_refused(model: ModelProto) -> None:
    """ONNX Runtime reads the first element of it, which is not there, and that ends the process."""
    assert refusal(model) == (
        "model.onnx has a Loop whose number of steps or condition is a tensor without an element, on which ONNX "
        "Runtime ends the process; give one number, or leave the number of steps out"
    )


@pytest.mark.parametrize(
    "model",
    [
        looping("two", "true", TWO),
        looping("two", "", TWO),
        looping("two", "true", tensor("two", np.array([2]))),
        looping("made", "true", TWO, nodes=[NODE("Identity", ["two"], ["made"])]),
        looping("two", "true", TWO, NO_STEPS),
        with_a_body_that_ends_in("c"),
    ],
    ids=["steps", "steps alone", "a list of one", "identity", "an empty tensor elsewhere", "after a step"],
)
def test_a_loop_of_some_steps_passes_and_runs(model: ModelProto) -> None:
    content = model.SerializeToString()
    check_facts(read_facts(content, FILE), FILE)
    (given,) = open_session(content, FILE).session.run(None, {"x": np.zeros((1, 4), np.float32)})
    assert given.tolist() == [[4, 4, 4, 4]]


def test_a_loop_without_a_number_of_steps_passes() -> None:
    check_facts(read_facts(looping("", "true", NO_STEPS).SerializeToString(), FILE), FILE)


@pytest.mark.parametrize("domain", ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])
def test_a_loop_of_functions_that_look_like_operators_is_refused(domain: str) -> None:
    """Such a function may hold constants alone, and then nothing could end the loop."""
    constant = helper.make_node("Constant", [], ["b"], value=tensor("", np.float32(1)))
    model = loop_of_one(helper.make_node("Frobnicate", ["v"], ["unused"], domain=domain))
    model.functions.append(
        helper.make_function(domain, "Frobnicate", ["a"], ["b"], [constant], [helper.make_opsetid("", 18)])
    )
    assert "and defines functions in a domain of ONNX Runtime's own operators" in refusal(model)
    model.functions[0].domain = model.graph.node[0].attribute[0].g.node[0].domain = "mine"
    assert "whose body computes nothing" in refusal(model)
