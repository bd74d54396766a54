from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plimsoll.errors import BundleError, ModelFailed
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.image_classification import ImageClassification

from tests.doubles.models import flat_signature
from tests.doubles.pictures import COLOURS, ONE_PIXEL, colour_task, encoded, plain

QUESTION = colour_task().of_pictures([encoded(plain("red"))], single=True)
SCORES = {"y": np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0]], np.float32)}


def test_the_likeliest_classes_come_first_and_all_probabilities_stand_beside_them() -> None:
    first, second = ImageClassification(COLOURS, {"picture": ONE_PIXEL, "top": 2}).results(QUESTION, SCORES)
    assert (first["class"], round(first["confidence"], 3)) == ("b", 0.7)
    assert [(each["class"], round(each["probability"], 3)) for each in first["top"]] == [("b", 0.7), ("c", 0.2)]
    assert first["probabilities"].tolist() == SCORES["y"][0].tolist()
    assert [each["class"] for each in second["top"]] == ["a", "b"]


def test_one_score_with_a_threshold_decides_between_two_labels() -> None:
    score = TensorSpec("y", "FP32", (-1,), labels=("no", "yes"), threshold=0.3)
    (found,) = colour_task(Signature(COLOURS.inputs, (score,))).results(QUESTION, {"y": np.array([0.4], np.float32)})
    assert (found["class"], round(found["confidence"], 3)) == ("yes", 0.4)
    assert [each["class"] for each in found["top"]] == ["no", "yes"]


def test_five_are_listed_unless_the_manifest_says_otherwise() -> None:
    assert len(colour_task().results(QUESTION, SCORES)[0]["top"]) == 3
    many = Signature(COLOURS.inputs, flat_signature(9).outputs)
    assert len(colour_task(many).results(QUESTION, {"y": np.ones((1, 9), np.float32)})[0]["top"]) == 5


def test_the_predictions_of_each_label_are_counted_unless_they_are_too_many() -> None:
    counted = colour_task().classes
    assert counted is not None
    assert counted.chosen(SCORES["y"]).tolist() == [1, 0]
    labels = tuple(range(51))
    many = Signature(COLOURS.inputs, (TensorSpec("y", "FP32", (-1, 51), labels=labels),))
    assert colour_task(many).classes is None


def test_outputs_go_to_tensors_as_they_are() -> None:
    task = colour_task()
    assert task.tensors(QUESTION, SCORES) is SCORES
    assert (task.wire.inputs[0].datatype, task.wire.outputs) == ("BYTES", COLOURS.outputs)


def test_a_number_that_is_not_finite_is_the_fault_of_the_model() -> None:
    with pytest.raises(ModelFailed) as caught:
        colour_task().results(QUESTION, {"y": np.array([[0, 1, 0], [0, np.nan, 0]], np.float32)})
    assert caught.value.index == 1


def test_the_schema_names_the_labels() -> None:
    schema = colour_task().result_schema()
    assert schema["properties"]["class"]["enum"] == ["a", "b", "c"]
    assert schema["required"] == list(schema["properties"])


@pytest.mark.parametrize(
    ("outputs", "options", "sentence"),
    [
        ((*COLOURS.outputs, TensorSpec("z", "FP32", (-1,))), {}, "it has 2 outputs, 'y', 'z'"),
        ((TensorSpec("y", "INT64", (-1, 3), labels=("a", "b", "c")),), {}, "its output 'y' is INT64 [-1, 3]"),
        ((TensorSpec("y", "FP32", (-1, 3)),), {}, "its output 'y' is FP32 [-1, 3] without labels; name its classes"),
        (COLOURS.outputs, {"top": 4}, "the option 'top' is a whole number from 1 to 3"),
        (COLOURS.outputs, {"top": True}, "the option 'top' is a whole number from 1 to 3"),
        (COLOURS.outputs, {"tops": 1}, "takes the option picture, top, and the manifest has 'tops'"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_asked_or_a_wrong_option_is_refused(
    outputs: tuple[TensorSpec, ...], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BundleError) as caught:
        ImageClassification(Signature(COLOURS.inputs, outputs), {"picture": ONE_PIXEL, **options})
    assert caught.value.check == "task"
    assert sentence in caught.value.message
