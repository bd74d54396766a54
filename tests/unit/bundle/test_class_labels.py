"""Tests which labels and thresholds fit which scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plimsoll.bundle.class_labels import (
    GREATEST_INTEGER,
    LEAST_INTEGER,
    Classes,
    check_choices,
    classes_of,
    fault_of_labels,
    fault_of_threshold,
)
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Datatype

ONE_SCORE = np.array([[0.1], [0.9]], np.float32)
THREE_SCORES = np.array([[0.2, 0.3, 0.5], [1, 0, 0]], np.float32)


def chosen(outputs: Any, labels: Any = None, threshold: float | None = None) -> tuple[Classes, list[str]]:
    """The classes of some outputs, and what was remarked."""
    heard: list[str] = []
    return classes_of(outputs, labels, threshold, heard.append), heard


@pytest.mark.parametrize("labels", [[], ["a", "b"], [0, 1, 2], ["0", 1], [LEAST_INTEGER, GREATEST_INTEGER]])
def test_texts_and_whole_numbers_are_labels(labels: list[object]) -> None:
    assert fault_of_labels(labels) == ""


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([True], "the label true is neither text nor a whole number"),
        ([1.5], "the label 1.5 is neither"),
        ([None], "the label null is neither"),
        (["a", "b", "a"], "stands for 2 classes"),
        (["1", 1], "stands for 2 classes"),
        (["a", " "], "a label is empty"),
        ([GREATEST_INTEGER + 1], "lies beyond; write it as text"),
        ([LEAST_INTEGER - 1], "lies beyond; write it as text"),
    ],
)
def test_labels_that_cannot_name_classes_are_refused(labels: list[object], message: str) -> None:
    assert message in fault_of_labels(labels)


@pytest.mark.parametrize(
    ("threshold", "datatype", "rounds"),
    [
        (0.5, "FP32", None), (1e-40, "FP64", None), (1e-50, "FP32", "to 0"), (1e-9, "FP16", "to 0"),
        (1 - 1e-9, "FP32", "to 1"), (1 - 1e-9, "FP64", None), (0.5, "INT64", None),
    ],
)  # fmt: skip
def test_a_threshold_that_rounds_to_0_or_1_is_refused(threshold: float, datatype: Datatype, rounds: str | None) -> None:
    fault = fault_of_threshold(threshold, datatype)
    assert fault.endswith(rounds) if rounds else fault == ""


def test_several_scores_have_a_class_each() -> None:
    assert chosen(THREE_SCORES, ["a", "b", "c"]) == (Classes(["a", "b", "c"], None), [])
    assert chosen(THREE_SCORES) == (Classes(None, None), [])


@pytest.mark.parametrize("logits", [THREE_SCORES * 5, THREE_SCORES - 1, THREE_SCORES.astype(np.int64)])
def test_scores_that_are_no_probabilities_are_remarked_where_there_are_labels(logits: Any) -> None:
    classes, heard = chosen(logits, ["a", "b", "c"])
    assert classes.labels == ["a", "b", "c"]
    assert "let the module end with a softmax" in heard[0]
    assert chosen(logits)[1] == []


@pytest.mark.parametrize("outputs", [ONE_SCORE, ONE_SCORE.ravel()], ids=["a column", "no second dimension"])
def test_one_score_has_two_classes_and_a_threshold(outputs: Any) -> None:
    assert chosen(outputs, ["ham", "spam"]) == (Classes(["ham", "spam"], 0.5), [])
    assert chosen(outputs, ["ham", "spam"], 0.25) == (Classes(["ham", "spam"], 0.25), [])
    classes, heard = chosen(outputs, ["spam"])
    assert classes == Classes(["not spam", "spam"], 0.5)
    assert "'spam' where it is at least 0.5" in heard[0]


@pytest.mark.parametrize(
    ("outputs", "labels", "threshold", "check", "message"),
    [
        (ONE_SCORE, list("abc"), None, "manifest", "takes one label or two, not 3"),
        (THREE_SCORES, list("ab"), None, "manifest", "3 scores a row, and --labels names 2 classes"),
        (THREE_SCORES, list("abc"), 0.5, "manifest", "and this one gives 3"),
        (ONE_SCORE, list("ab"), 1e-50, "manifest", "rounds 1e-50 to 0"),
        (ONE_SCORE * 5, list("ab"), None, "signature", "apply a sigmoid in forward"),
        (ONE_SCORE * np.float32("nan"), list("ab"), None, "signature", "apply a sigmoid in forward"),
    ],
)
def test_what_does_not_fit_is_refused(
    outputs: Any, labels: list[str], threshold: float | None, check: str, message: str
) -> None:
    with pytest.raises(BundleError) as caught:
        chosen(outputs, labels, threshold)
    assert caught.value.check == check
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("labels", "threshold", "message"),
    [
        (["a", "a"], None, "stands for 2 classes"),
        (["a", "b"], 0.0, "between 0 and 1"),
        (["a", "b"], 1.0, "between 0 and 1"),
        (["a", "b"], float("nan"), "between 0 and 1"),
        (None, 0.5, "needs --labels"),
        ([], 0.5, "needs --labels"),
    ],
)
def test_choices_that_no_model_can_have_are_refused_before_one_is_run(
    labels: list[str | int] | None, threshold: float | None, message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        check_choices(labels, threshold)


@pytest.mark.parametrize(("labels", "threshold"), [(None, None), (["a"], None), (["a", "b"], 0.3)])
def test_choices_that_some_model_can_have_are_left_to_it(
    labels: list[str | int] | None, threshold: float | None
) -> None:
    check_choices(labels, threshold)
