from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from plimsoll.errors import ModelFailed
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tabular_classification import MOST_COUNTED_LABELS, LabelScores, fault_of_scores, label_scores

THREE = LabelScores("y", ("a", "b", "c"), None)


def test_the_highest_score_chooses_and_all_scores_are_answered() -> None:
    scores = np.array([[0.2, 0.7, 0.1], [0.4, 0.2, 0.4]], np.float32)
    answers = list(THREE.answers({"y": scores}))
    assert [best for best, _ in answers] == [1, 0]
    assert np.array_equal([row for _, row in answers], scores)


def test_one_score_with_a_threshold_answers_both_labels() -> None:
    signature = Signature((), (TensorSpec("y", "FP32", (-1, 1), labels=("no", "yes"), threshold=0.7),))
    answers = list(label_scores(signature).answers({"y": np.array([[0.7], [0.6]], np.float32)}))
    assert [best for best, _ in answers] == [1, 0]
    assert np.allclose([row for _, row in answers], [[0.3, 0.7], [0.4, 0.6]])


def test_a_score_that_is_not_finite_is_the_fault_of_the_model() -> None:
    with pytest.raises(ModelFailed, match="row 1"):
        list(THREE.answers({"y": np.array([[0, 0, 0], [0, np.nan, 0]], np.float32)}))


@given(
    st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
        lambda dtype: arrays.arrays(dtype, st.tuples(st.integers(1, 5), st.integers(1, 70)))
    )
)
def test_exactly_the_scores_that_numpy_calls_finite_are_answered(scores: NDArray[Any]) -> None:
    labels = LabelScores("y", tuple(range(scores.shape[1])), None)
    if np.isfinite(scores).all():
        assert np.array_equal([row for _, row in labels.answers({"y": scores})], scores)
    else:
        with pytest.raises(ModelFailed, match="not finite"):
            labels.answers({"y": scores})


@pytest.mark.parametrize("wrong", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 31, 63, 64, 99])
def test_one_score_that_is_not_finite_is_found_wherever_it_is(wrong: float, place: int) -> None:
    scores: NDArray[Any] = np.linspace(-1, 1, 100, dtype=np.float32)[np.newaxis]
    scores[0, place] = wrong
    with pytest.raises(ModelFailed, match="not finite"):
        LabelScores("y", tuple(range(100)), None).answers({"y": scores})


def test_only_a_few_labels_are_counted() -> None:
    assert THREE.counted is THREE
    assert LabelScores("y", tuple(range(MOST_COUNTED_LABELS + 1)), None).counted is None


def test_other_outputs_have_a_sentence() -> None:
    assert "without labels" in fault_of_scores(Signature((), (TensorSpec("y", "FP32", (-1, 2)),)))
    assert "2 outputs" in fault_of_scores(Signature((), (TensorSpec("y", "FP32", (-1, 2)),) * 2))
