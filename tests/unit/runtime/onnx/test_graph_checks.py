from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, helper
from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.graph_checks import check_facts
from plimsoll.runtime.onnx.graph_facts import read_facts

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
