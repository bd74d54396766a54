from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput
from plimsoll.fronts.tensor_requests import (
    Wanted,
    add_once,
    binary_output,
    check_number,
    check_own_data,
    declared_spec,
    output_of,
    timeout_seconds,
    wanted_outputs,
)
from plimsoll.inference.payloads import Signature, TensorSpec

SCORES = TensorSpec("scores", "FP32", (-1, 3), labels=("a", "b", "c"))
COUNT = TensorSpec("count", "INT64", (-1,))
WIRE = Signature(
    (TensorSpec("ids", "INT64", (-1, -1)), TensorSpec("pixels", "UINT8", (-1, 2, 2))), (SCORES, COUNT)
)  # fmt: skip


def refusal(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        call(*arguments, **named)
    assert caught.value.expected, "what was expected"
    return caught.value.message


def test_an_input_is_known_by_its_name_its_datatype_and_its_shape() -> None:
    assert declared_spec(WIRE, "ids", "INT64", [2, 7]) is WIRE.inputs[0]
    assert declared_spec(WIRE, "pixels", "UINT8", [100, 2, 2]) is WIRE.inputs[1]


@pytest.mark.parametrize(
    ("name", "datatype", "shape", "message"),
    [
        ("other", "INT64", [1, 1], "unknown input 'other'"),
        ("ids", "INT32", [1, 1], "the input 'ids' has the wrong datatype"),
        ("ids", "int64", [1, 1], "the input 'ids' has the wrong datatype"),
        ("ids", "INT64", [], "the input 'ids' has the wrong shape"),
        ("ids", "INT64", [1], "the input 'ids' has the wrong shape"),
        ("ids", "INT64", [1, 0], "the input 'ids' has the wrong shape"),
        ("ids", "INT64", [1, -1], "the input 'ids' has the wrong shape"),
        ("ids", "INT64", [-1, 1], "the input 'ids' has the wrong shape"),
        ("ids", "INT64", [1, 10**4000], "the input 'ids' has the wrong shape"),
        ("ids", "INT64", [10**4000, 1], "the input 'ids' has the wrong shape"),
        ("pixels", "UINT8", [1, 2, 3], "the input 'pixels' has the wrong shape"),
        ("pixels", "UINT8", [0, 2, 2], "the number of rows is out of range"),
        ("pixels", "UINT8", [101, 2, 2], "the number of rows is out of range"),
    ],
)
def test_an_input_that_the_model_does_not_have_is_refused(
    name: str, datatype: str, shape: list[int], message: str
) -> None:
    assert refusal(declared_spec, WIRE, name, datatype, shape) == message


def test_inputs_come_once_and_not_by_the_thousand() -> None:
    tensors: dict[str, Any] = {}
    add_once(tensors, "ids", 1)
    assert refusal(add_once, tensors, "ids", 2) == "the input 'ids' is given twice"
    check_number([1, 2], WIRE)
    assert refusal(check_number, [], WIRE) == "the number of inputs is wrong"
    assert refusal(check_number, range(10_000), WIRE) == "the number of inputs is wrong"


def test_data_in_shared_memory_is_refused() -> None:
    check_own_data("ids", ["binary_data_size"])
    message = "the input 'ids' is in shared memory, which this server does not read"
    for parameter in ("shared_memory_region", "shared_memory_offset"):
        assert refusal(check_own_data, "ids", [parameter]) == message


def test_outputs_are_all_or_those_that_are_asked_for_in_their_order() -> None:
    assert wanted_outputs(WIRE, None, binary=True) == (Wanted(SCORES, binary=True), Wanted(COUNT, binary=True))
    asked = [("count", {}), ("scores", {"binary_data": False})]
    assert wanted_outputs(WIRE, asked, binary=True) == (Wanted(COUNT, binary=True), Wanted(SCORES, binary=False))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([("other", {})], "the output 'other' is not known"),
        ([("scores", {}), ("scores", {})], "the output 'scores' is asked for twice"),
        ([("scores", {})] * 3, "more outputs are asked for than there are"),
        ([("scores", {"binary_data": "yes"})], "the parameter binary_data is not a flag"),
        ([("count", {"classification": 1})], "the output 'count' has no classes"),
        ([("scores", {"classification": 0})], "the parameter classification is not a number of classes"),
        ([("scores", {"classification": True})], "the parameter classification is not a number of classes"),
    ],
)
def test_an_output_that_cannot_be_given_is_refused(asked: Any, message: str) -> None:
    assert refusal(wanted_outputs, WIRE, asked, binary=False) == message


def test_the_best_classes_are_texts_the_best_first() -> None:
    (wanted,) = wanted_outputs(WIRE, [("scores", {"classification": 2})], binary=False)
    spec, best = output_of(wanted, {"scores": np.array([[0.25, 0.5, 0.25], [0, 0, 1]], np.float32)})
    assert (spec.datatype, best.shape) == ("BYTES", (2, 2))
    assert best.tolist() == [[b"0.500000:1:b", b"0.250000:0:a"], [b"1.000000:2:c", b"0.000000:0:a"]]
    (all_of_them,) = wanted_outputs(WIRE, [("scores", {"classification": 99})], binary=False)
    assert all_of_them.classes == 3


def test_best_classes_without_labels_have_their_index_alone() -> None:
    wanted = Wanted(TensorSpec("y", "INT64", (-1, 2)), binary=False, classes=1)
    assert output_of(wanted, {"y": np.array([[3, 7]])})[1].tolist() == [[b"7.000000:1"]]


@pytest.mark.parametrize(
    ("datatype", "scores", "order"),
    [
        ("INT64", [2**60, 2**60 + 1, -(2**63), -(2**63) + 1], [1, 0, 3, 2]),
        ("UINT8", [0, 255, 1, 255], [1, 3, 2, 0]),
        ("BOOL", [False, True, False, True], [1, 3, 0, 2]),
        ("FP16", [-0.5, float("nan"), float("-inf"), 0.5], [3, 0, 2, 1]),
    ],
)
def test_classes_stand_in_the_order_of_their_scores_in_every_datatype(
    datatype: Any, scores: Any, order: list[int]
) -> None:
    spec = TensorSpec("y", datatype, (-1, 4))
    best = output_of(Wanted(spec, binary=False, classes=4), {"y": np.array([scores], spec.dtype)})[1]
    assert [int(each.split(b":")[1]) for each in best[0]] == order


@given(data=st.data(), datatype=st.sampled_from(["FP32", "FP64", "FP16", "INT64", "UINT8", "BOOL"]))
def test_any_number_of_best_classes_is_the_beginning_of_a_stable_sort(data: st.DataObject, datatype: Any) -> None:
    columns = data.draw(st.integers(1, 12))
    spec = TensorSpec("y", datatype, (-1, columns))
    few = [0, 1, 1, 2] if spec.dtype.kind != "f" else [0.0, -0.0, 1, 1, 2, *map(float, ("nan", "inf", "-inf"))]
    row = st.lists(st.sampled_from(few), min_size=columns, max_size=columns)
    scores = np.array(data.draw(st.lists(row, min_size=1, max_size=4)), spec.dtype)
    classes = data.draw(st.integers(1, columns))
    best = output_of(Wanted(spec, binary=False, classes=classes), {"y": scores})[1]
    for given_row, texts in zip(scores.tolist(), best, strict=True):
        order = sorted(range(columns), key=lambda column: (given_row[column] != given_row[column], -given_row[column]))
        assert [int(each.split(b":")[1]) for each in texts] == order[:classes]


def test_classes_by_the_hundred_thousand_are_refused() -> None:
    scores = np.zeros((101, 1000), np.float32)
    wanted = Wanted(TensorSpec("y", "FP32", (-1, 1000)), binary=False, classes=1000)
    assert output_of(wanted, {"y": scores[:100]})[1].shape == (100, 1000)
    assert refusal(output_of, wanted, {"y": scores}) == "too many classes of the output 'y' are asked for"


def test_parameters_name_a_timeout_in_microseconds() -> None:
    assert timeout_seconds({}) is None
    assert timeout_seconds({"timeout": 0, "priority": 0, "sequence_id": 0, "of_somebody_else": [1]}) is None
    assert timeout_seconds({"timeout": 1_500_000}) == 1.5
    assert binary_output({"binary_data_output": True})
    assert not binary_output({})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"timeout": -1}, "the parameter timeout is not a time"),
        ({"timeout": 1.5}, "the parameter timeout is not a time"),
        ({"timeout": True}, "the parameter timeout is not a time"),
        ({"timeout": 1 << 70}, "the parameter timeout is not a time"),
        ({"priority": 1}, "requests have no priorities here"),
        ({"priority": "high"}, "requests have no priorities here"),
        ({"sequence_id": 7}, "models here keep no state between requests"),
    ],
)
def test_a_parameter_that_cannot_be_followed_is_refused(parameters: Any, message: str) -> None:
    assert refusal(timeout_seconds, parameters) == message


def test_a_wish_for_binary_outputs_is_a_flag() -> None:
    assert refusal(binary_output, {"binary_data_output": 1}) == "the parameter binary_data_output is not a flag"
