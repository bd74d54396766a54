from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import typer
from plimsoll.bundle.manifest import Manifest
from plimsoll.cli.evaluation_file import EvaluationRows
from plimsoll.cli.evaluation_truth import evaluation_of, label_columns

from tests.unit.bundle.test_manifest import FULL

INPUTS = {"pixels": np.zeros((4, 4), np.float32)}


def manifest(task: str = "tabular-classification", **output: Any) -> Manifest:
    outputs = [FULL["signature"]["outputs"][0] | output]
    signature = {**FULL["signature"], "outputs": outputs}
    return Manifest.model_validate({**FULL, "schema_version": 2, "task": task, "signature": signature})


def test_the_labels_of_a_classifier_are_compared_as_text() -> None:
    assert label_columns(manifest(), None) == ["label", "labels"]
    assert label_columns(manifest(), "digit") == ["digit"]
    scores = {"digit": np.array([[1, 0], [0, 1], [0, 1], [1, 0]], np.float32)}
    for labels in ([0, 1, 1, 1], ["0", "1", "1", "1"], [0.0, 1.0, 1.0, 1.0], ["0.0", "1", "1.0", "1"]):
        made = evaluation_of(manifest(), EvaluationRows(INPUTS, {"label": labels}), "rows.csv", None)
        assert made.truth is not None
        assert (made.truth.measure, made.truth.figure(scores).value) == ("accuracy", 0.75)
    assert evaluation_of(manifest(), EvaluationRows(INPUTS, {}), "rows.csv", None).truth is None


def test_a_regression_has_a_column_for_each_target() -> None:
    single = manifest("tabular-regression", shape=[-1], labels=None)
    assert label_columns(single, None) == ["label", "labels", "digit"]
    made = evaluation_of(single, EvaluationRows(INPUTS, {"digit": ["1", "2", "3", "4"]}), "rows.csv", None)
    assert made.truth is not None
    assert made.truth.figure({"digit": np.array([1, 2, 3, 5], np.float32)}).value == 0.25
    several = manifest("tabular-regression", labels=["price", "rent"])
    assert label_columns(several, None) == ["price", "rent"]
    rows = EvaluationRows(INPUTS, {"price": [1, 2, 3, 4], "rent": [0, 0, 0, 0]})
    truth = evaluation_of(several, rows, "rows.csv", None).truth
    assert truth is not None
    assert truth.figure({"digit": np.array([[1, 0], [2, 0], [3, 2], [4, 0]], np.float32)}).value == 0.25


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"label": [0, 1, 7, 1]}, "row 2 of --evaluate rows.csv has the label '7', and the model knows '0', '1'"),
        ({"label": [0, 0.5, 1, 1]}, "row 1 of --evaluate rows.csv has the label '0.5'"),
        ({"label": [0, "", 1, 1]}, "row 1 of --evaluate rows.csv has the label ''"),
        (
            {"label": [1, 1, 1, 1]},
            "every row of --evaluate rows.csv has the label '1', and a model that always gives it",
        ),
        ({"label": [0] * 4, "labels": [1] * 4}, "has 'label' and 'labels'; --label says which one holds the labels"),
    ],
)
def test_labels_that_are_not_the_models_are_refused(labels: dict[str, list[Any]], sentence: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        evaluation_of(manifest(), EvaluationRows(INPUTS, labels), "rows.csv", None)
    assert sentence in caught.value.message


def test_a_column_that_is_missing_or_of_no_use_is_named() -> None:
    with pytest.raises(typer.BadParameter, match=r"rows.csv has no 'digit', which --label names"):
        evaluation_of(manifest(), EvaluationRows(INPUTS, {}), "rows.csv", "digit")
    with pytest.raises(typer.BadParameter, match="are compared with those of the present bundle alone"):
        label_columns(manifest("tensors", labels=None), "digit")
    assert label_columns(manifest("tensors", labels=None), None) == []
    several = manifest("tabular-regression", labels=["price", "rent"])
    with pytest.raises(typer.BadParameter, match="--label names one column, and the model has the targets price, rent"):
        label_columns(several, "price")
    wrong: list[tuple[dict[str, list[Any]], str]] = [
        ({"price": [1, 2, 3, 4]}, "has no 'rent', which is a target of the model; give all or none"),
        ({"price": ["x"] * 4, "rent": [1] * 4}, "has a label that is no number, and the model gives numbers"),
        ({"price": [np.inf] * 4, "rent": [1] * 4}, "has a label that is not finite"),
    ]
    for labels, sentence in wrong:
        with pytest.raises(typer.BadParameter, match=sentence):
            evaluation_of(several, EvaluationRows(INPUTS, labels), "rows.csv", None)
