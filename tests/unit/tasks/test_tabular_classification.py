from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plimsoll.errors import BundleError, ModelFailed
from plimsoll.inference.payloads import Datatype, Signature, TensorSpec
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.doubles.models import flat_signature
from tests.doubles.questions import QUESTION


def tensor(name: str, datatype: Datatype, *row: int, labels: tuple[str, ...] = ()) -> TensorSpec:
    return TensorSpec(name, datatype, (-1, *row), labels=labels)


ROWS = tensor("x", "FP32", 2)
CLASSES = tensor("y", "FP32", 2, labels=("a", "b"))


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_a_classifier_of_flat_rows_can_be_asked(width: int, datatype: Datatype) -> None:
    TabularClassification(flat_signature(width, datatype))


def test_scores_may_have_half_the_bits() -> None:
    TabularClassification(Signature((ROWS,), (tensor("y", "FP16", 2, labels=("a", "b")),)))


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
def test_one_score_a_row_will_do_with_a_threshold(shape: tuple[int, ...]) -> None:
    TabularClassification(Signature((ROWS,), (TensorSpec("y", "FP32", shape, labels=("a", "b"), threshold=0.5),)))


@pytest.mark.parametrize(
    ("signature", "fault"),
    [
        (Signature((ROWS, tensor("z", "FP32", 2)), (CLASSES,)), "it has 2 inputs, 'x', 'z'"),
        (
            Signature((tensor("x", "FP32", 1, 9, 9),), (CLASSES,)),
            "its input 'x' is FP32 [-1, 1, 9, 9]; take flat rows, and let forward begin with rows.view(-1, 1, 9, 9)",
        ),
        (
            Signature((tensor("x", "FP32"),), (CLASSES,)),
            "its input 'x' is FP32 [-1]; take flat rows, and let forward begin with rows.view(-1)",
        ),
        (
            Signature((tensor("x", "FP64", -1),), (CLASSES,)),
            "its input 'x' is FP64 [-1, -1], whose rows may differ in length; pad them to one length",
        ),
        (
            Signature((tensor("ids", "INT64", 4),), (CLASSES,)),
            "its input 'ids' is INT64 [-1, 4]; take FP32, and let forward begin with rows.to(torch.int64)",
        ),
        (
            Signature((tensor("x", "FP16", 4),), (CLASSES,)),
            "its input 'x' is FP16 [-1, 4]; take FP32, and let forward begin with rows.to(torch.float16)",
        ),
        (
            Signature((tensor("x", "BOOL", 4),), (CLASSES,)),
            "its input 'x' is BOOL [-1, 4]; take FP32, and let forward begin with rows.to(torch.bool)",
        ),
        (Signature((ROWS,), (CLASSES, tensor("h", "FP32", 8))), "it has 2 outputs, 'y', 'h'"),
        (
            Signature((ROWS,), (tensor("y", "INT64", 2, labels=("a", "b")),)),
            "its output 'y' is INT64 [-1, 2]; give one score for each class",
        ),
        (
            Signature((ROWS,), (tensor("y", "FP32", 3, 2, labels=("a", "b")),)),
            "its output 'y' is FP32 [-1, 3, 2]; give one score for each class",
        ),
        (
            Signature((ROWS,), (TensorSpec("y", "UINT8", (-1, 1), labels=("a", "b"), threshold=0.5),)),
            "its output 'y' is UINT8 [-1, 1]; give one score for each class",
        ),
        (
            Signature((ROWS,), (tensor("y", "FP32", 2),)),
            "its output 'y' is FP32 [-1, 2] without labels; name its classes",
        ),
    ],
)
def test_another_model_is_refused_by_what_it_has_and_what_can_be_asked(signature: Signature, fault: str) -> None:
    with pytest.raises(BundleError) as caught:
        TabularClassification(signature)
    assert caught.value.check == "task"
    assert caught.value.message == (
        f"nothing can ask this model: {fault}; the task tabular-classification is for models of one input, FP32 or "
        "FP64 of shape [-1, N] with N fixed, and of one output, a score in FP16, FP32 or FP64 for each label, or one "
        "score with a threshold"
    )


@pytest.mark.parametrize(("number", "given"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_a_number_that_json_cannot_say_fails_the_request_and_names_its_row(number: float, given: str) -> None:
    outputs: dict[str, NDArray[Any]] = {"y": np.array([[0.5, 0.5], [0.5, number], [number, 0]], np.float32)}
    with pytest.raises(ModelFailed) as caught:
        TabularClassification(flat_signature(2)).results(QUESTION, outputs)
    error = caught.value
    assert error.message == "the model gave a number that is not finite for row 1"
    assert (error.expected, error.given, error.index) == ("finite numbers, since JSON has no others", given, 1)


def test_a_number_that_json_cannot_say_in_a_single_row_names_no_row() -> None:
    with pytest.raises(ModelFailed, match=r"^the model gave a number that is not finite$") as caught:
        TabularClassification(flat_signature(2)).results(QUESTION, {"y": np.array([[math.nan, 0]], np.float32)})
    assert caught.value.index is None


def test_labels_are_answered_as_the_manifest_has_them() -> None:
    signature = Signature(flat_signature(2).inputs, (TensorSpec("y", "FP64", (-1, 2), labels=(7, "seven")),))
    outputs = {"y": np.array([[0.25, 0.75], [1, 0]], np.float64)}
    results = TabularClassification(signature).results(QUESTION, outputs)
    assert [each["class"] for each in results] == ["seven", 7]
    assert results[0]["probabilities"].tolist() == [0.25, 0.75]


@pytest.mark.parametrize("shape", [(4, 1), (4,)])
@pytest.mark.parametrize("datatype", ["FP32", "FP64", "FP16"])
def test_one_score_a_row_is_answered_as_two_classes(shape: tuple[int, ...], datatype: Any) -> None:
    """The nearest number to 0.7 in FP32 lies below it: a score is compared in the precision of the model."""
    output = TensorSpec("y", datatype, (-1, *shape[1:]), labels=("ham", "spam"), threshold=0.7)
    scores = np.array([0.25, 0.7, 0.5, 1], output.dtype)
    task = TabularClassification(Signature(flat_signature(2).inputs, (output,)))
    predictions = task.results(QUESTION, {"y": scores.reshape(shape)})
    assert [each["class"] for each in predictions] == ["ham", "spam", "ham", "spam"]
    assert [each["probabilities"][1] for each in predictions] == pytest.approx([0.25, 0.7, 0.5, 1], abs=1e-3)
    assert [each["probabilities"][0] for each in predictions] == pytest.approx([0.75, 0.3, 0.5, 0], abs=1e-3)


@pytest.mark.parametrize("shape", [(2, 1), (2,)])
def test_one_score_that_json_cannot_say_fails_the_request_and_names_its_row(shape: tuple[int, ...]) -> None:
    output = TensorSpec("y", "FP32", (-1, *shape[1:]), labels=("ham", "spam"), threshold=0.5)
    task = TabularClassification(Signature(flat_signature(2).inputs, (output,)))
    with pytest.raises(ModelFailed) as caught:
        task.results(QUESTION, {"y": np.array([0.5, -math.inf], np.float32).reshape(shape)})
    assert (caught.value.index, caught.value.given) == (1, "-inf")
