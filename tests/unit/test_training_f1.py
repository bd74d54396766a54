"""The figures that the cards of the models of texts give."""

from __future__ import annotations

import pytest

from training.f1 import f1_of_class, macro_f1, span_f1

TRUTH = ["a", "a", "a", "b"] * 30
GUESS = ["a", "a", "b", "b"] * 30


def test_f1_of_a_class_is_that_of_its_precision_and_recall() -> None:
    found = f1_of_class("b", TRUTH, GUESS)
    assert found.value == pytest.approx(2 / 3)  # half of the guesses are right, and all of the class are found
    assert found.low < found.value < found.high
    assert found.rows == 120


def test_macro_f1_is_the_mean_over_the_classes() -> None:
    assert macro_f1(["a", "b"], TRUTH, GUESS).value == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert macro_f1(["a", "b"], TRUTH, TRUTH).value == 1


def test_a_span_is_right_only_as_a_whole() -> None:
    truth = [[(0, 3, "PER"), (8, 14, "LOC")], [(0, 3, "PER")]]
    guesses = [[(0, 3, "PER"), (8, 13, "LOC")], []]
    assert span_f1(truth, guesses).value == pytest.approx(2 * 1 / (2 + 3))
    assert span_f1([[]], [[]]).value == 0
