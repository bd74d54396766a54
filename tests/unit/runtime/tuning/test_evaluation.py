from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from plimsoll.bundle.manifest import Golden
from plimsoll.runtime.tuning.evaluation import Evaluation, RightClasses, RightNumbers, compare, largest_difference
from plimsoll.tasks.tabular_classification import LabelScores

CLASSES = LabelScores("y", ("no", "yes"), None)
TOLERANCE = Golden(file="golden.safetensors", absolute_tolerance=1e-4, relative_tolerance=1e-3)
X = np.zeros((100, 1), np.float32)


def scores(yes: list[int]) -> dict[str, NDArray[np.float32]]:
    """The outputs of a model that is sure of these rows."""
    chosen = np.isin(np.arange(100), yes)
    return {"y": np.stack([~chosen, chosen], axis=1).astype(np.float32)}


def test_accuracy_has_its_interval_and_loss_counts_the_rows_that_only_one_has_right() -> None:
    right = RightClasses(CLASSES, np.arange(100) % 2)
    odd = list(range(1, 100, 2))
    before, after = scores([*odd[1:], 0]), scores([*odd[2:], 0])
    assert right.figure(before).value == 0.98
    assert right.figure(before).low == pytest.approx(0.930, abs=1e-3)
    loss = right.loss(before, after)
    assert loss.value == pytest.approx(0.01)
    assert loss.most == pytest.approx(0.045, abs=2e-3)
    assert right.loss(after, before).value == pytest.approx(-0.01)
    found = compare(Evaluation({"x": X}, right, CLASSES), before, after, TOLERANCE)
    assert (found.agreement.value, found.difference, found.within) == (0.99, 1.0, False)
    assert found.quality == right.figure(after)


def test_no_loss_is_judged_by_a_model_that_has_learned_nothing() -> None:
    right = RightClasses(CLASSES, (np.arange(100) < 60).astype(np.intp))
    assert right.fault(scores(list(range(60)))) == ""
    assert "is right on 60.0% of the rows" in right.fault(scores(list(range(100))))


def test_the_error_of_numbers_grows_as_a_share_of_what_it_was() -> None:
    targets = np.linspace(0, 10, 100)[:, None]
    right = RightNumbers(["y"], targets)
    before, after = {"y": targets + 1.0}, {"y": targets + 1.1}
    assert right.figure(before).value == pytest.approx(1.0)
    assert right.loss(before, after).value == pytest.approx(0.1)
    assert right.loss(before, after).most == pytest.approx(0.1)  # every row has lost as much
    assert right.loss({"y": targets}, {"y": targets}).most == 0
    assert right.loss({"y": targets}, after).value == math.inf
    assert right.fault(before) == ""
    assert "so a loss means nothing here" in right.fault({"y": targets + 20})


def test_answers_without_classes_agree_within_the_golden_tolerance() -> None:
    evaluation = Evaluation({"x": X})
    before = {"y": np.ones((100, 2), np.float32)}
    after = {"y": before["y"].copy()}
    after["y"][3, 1] += 0.5
    found = compare(evaluation, before, after, TOLERANCE)
    assert (found.agreement.value, found.difference, found.within, found.loss) == (0.99, 0.5, False, None)
    assert compare(evaluation, before, {"y": before["y"] + 5e-4}, TOLERANCE).within


def test_numbers_that_are_not_finite_and_other_shapes_are_infinitely_far() -> None:
    one = {"y": np.ones((2, 2), np.float32)}
    assert largest_difference(one, {"y": np.array([[1, np.nan], [1, 1]], np.float32)}) == math.inf
    assert largest_difference(one, {"y": np.ones((2, 3), np.float32)}) == math.inf
    assert largest_difference(one, one) == 0
