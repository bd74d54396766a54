"""Scores for the labels of an output, for every task that answers a class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.flat_rows import DIMENSIONS, listed

MOST_COUNTED_LABELS = 50
"""The predictions of a model with more labels are not counted by label, because each label is a series."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelScores:
    """Implements `Classes`: the label of the highest score, or the one that the threshold decides for."""

    output: str
    labels: tuple[str | int, ...]
    threshold: np.floating[Any] | None

    @property
    def counted(self) -> LabelScores | None:
        """Itself, if the labels are few enough to count the predictions of each."""
        return self if len(self.labels) <= MOST_COUNTED_LABELS else None

    def chosen(self, scores: NDArray[Any]) -> NDArray[np.intp]:
        """The position of the label of each row, [rows]; the first one of equal scores.

        Scores are compared with the threshold in their own precision, because 0.7 in FP32 lies below 0.7 and should
        reach a threshold of 0.7.
        """
        if self.threshold is None:
            best: NDArray[np.intp] = scores.argmax(axis=1)
            return best
        return (scores.reshape(-1) >= self.threshold).astype(np.intp)

    def answers(self, outputs: Tensors) -> Iterator[tuple[int, NDArray[Any]]]:
        """The position of the label, and the scores of all labels, of each row.

        Raises:
            ModelFailed: a score is not finite; `index` names the row.
        """
        scores = outputs[self.output]
        if not np.logical_and.reduce(np.isfinite(scores), axis=None):
            raise not_finite(scores)
        chosen = self.chosen(scores).tolist()
        if self.threshold is not None:
            upper = scores.reshape(-1)
            scores = np.stack((1 - upper, upper), axis=1)
        return zip(chosen, scores, strict=True)

    def schema(self) -> Json:
        """The JSON schemas of `class` and `probabilities`, by name."""
        count = len(self.labels)
        return {
            "class": {
                "enum": list(self.labels),
                "description": "The label with the highest probability; with a threshold, the one it decides for.",
            },
            "probabilities": {
                "type": "array", "items": {"type": "number"}, "minItems": count, "maxItems": count,
                "description": "One for each label, in the order of the signature.",
            },
        }  # fmt: skip


def label_scores(signature: Signature) -> LabelScores:
    """The labels of the only output, and how its scores choose one."""
    (spec,) = signature.outputs
    return LabelScores(spec.name, spec.labels, None if spec.threshold is None else spec.dtype.type(spec.threshold))


def fault_of_scores(signature: Signature) -> str:
    """Why the outputs are not one score for each label of one output; empty if they are."""
    if len(signature.outputs) != 1:
        return f"it has {len(signature.outputs)} outputs, {listed(signature.outputs)}"
    (spec,) = signature.outputs
    given = f"its output '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    one_score = spec.threshold is not None
    if not spec.datatype.startswith("FP") or (len(spec.shape) != DIMENSIONS and not one_score):
        return f"{given}; give one score for each class"
    if not spec.labels:
        return f"{given} without labels; name its classes"
    return ""
