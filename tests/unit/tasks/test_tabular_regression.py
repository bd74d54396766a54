from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from plimsoll.errors import BundleError, ModelFailed
from plimsoll.inference.payloads import Datatype, Signature, TensorSpec
from plimsoll.tasks.tabular_regression import TabularRegression

from tests.doubles.questions import QUESTION

ROWS = TensorSpec("x", "FP32", (-1, 2))


def output(name: str, *shape: int, labels: tuple[str, ...] = (), datatype: Datatype = "FP32") -> TensorSpec:
    return TensorSpec(name, datatype, (-1, *shape), labels=labels)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_number_a_row_is_named_by_its_output(shape: tuple[int, ...]) -> None:
    task = TabularRegression(Signature((ROWS,), (output("price", *shape),)))
    numbers = np.array([1.5, -2], np.float32).reshape(-1, *shape)
    assert task.results(QUESTION, {"price": numbers}) == [{"values": {"price": 1.5}}, {"values": {"price": -2}}]


def test_several_numbers_a_row_are_named_by_their_labels_and_several_outputs_by_their_names() -> None:
    task = TabularRegression(Signature((ROWS,), (output("size", 2, labels=("width", "height")), output("price"))))
    results = task.results(QUESTION, {"size": np.array([[1, 2]], np.float32), "price": np.array([0.1], np.float32)})
    assert orjson.dumps(results, option=orjson.OPT_SERIALIZE_NUMPY) == (
        b'[{"values":{"width":1.0,"height":2.0,"price":0.1}}]'
    )


@pytest.mark.parametrize(
    ("outputs", "fault"),
    [
        ((output("y", 2),), "its output 'y' is FP32 [-1, 2] without labels; name its targets"),
        ((output("y", datatype="INT64"),), "its output 'y' is INT64 [-1]; give one number for each target"),
        ((output("y", 2, 2),), "its output 'y' is FP32 [-1, 2, 2]; give one number for each target"),
        ((output("y", -1),), "its output 'y' is FP32 [-1, -1]; give one number for each target"),
        ((output("y"), output("z", 2, labels=("y", "x"))), "two targets are named 'y'"),
        ((TensorSpec("y", "FP32", (-1,), labels=("a", "b"), threshold=0.5),), "with a threshold"),
    ],
)
def test_another_model_is_refused_by_what_it_has_and_what_can_be_asked(
    outputs: tuple[TensorSpec, ...], fault: str
) -> None:
    with pytest.raises(BundleError) as caught:
        TabularRegression(Signature((ROWS,), outputs))
    assert caught.value.check == "task"
    assert fault in caught.value.message
    assert "the task tabular-regression is for models of one input, FP32 or FP64 of shape [-1, N]" in str(caught.value)


def test_a_number_that_json_cannot_say_fails_the_request_and_names_its_row() -> None:
    task = TabularRegression(Signature((ROWS,), (output("price"),)))
    with pytest.raises(ModelFailed) as caught:
        task.results(QUESTION, {"price": np.array([0, math.inf], np.float32)})
    assert (caught.value.index, caught.value.given) == (1, "inf")


WITH_INTERVAL = {
    "targets": {
        "hires": {"unit": "bikes", "description": "Hired.", "interval": {"low": "few", "high": "many", "level": 0.9}}
    }
}


@pytest.mark.parametrize(
    "outputs",
    [(output("y", 3, labels=("few", "hires", "many")),), (output("hires"), output("few", 1), output("many"))],
)
def test_the_ends_of_an_interval_stand_beside_the_value_with_their_level(outputs: tuple[TensorSpec, ...]) -> None:
    task = TabularRegression(Signature((ROWS,), outputs), WITH_INTERVAL)
    numbers = {"hires": 2, "few": 1, "many": 4}
    tensors = {
        spec.name: np.array([[numbers[str(name)] for name in spec.labels or [spec.name]]], np.float32).reshape(
            1, *spec.shape[1:]
        )
        for spec in outputs
    }
    assert task.results(QUESTION, tensors) == [
        {"values": {"hires": 2}, "interval": {"hires": {"low": 1, "high": 4, "level": 0.9}}}
    ]
    schema = task.result_schema()
    assert schema["required"] == ["values", "interval"]
    assert schema["properties"]["values"]["properties"] == {
        "hires": {"type": "number", "description": "Hired. In bikes."}
    }
    assert schema["properties"]["interval"]["properties"]["hires"]["properties"]["level"] == {"const": 0.9}


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(BundleError, match="names the target 'hires'"):
        TabularRegression(Signature((ROWS,), (output("price"),)), WITH_INTERVAL)
