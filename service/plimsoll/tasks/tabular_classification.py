"""`tabular-classification`: rows of numbers in; the class and the probability of every label out."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.column_options import OPTION as COLUMNS
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.flat_rows import DIMENSIONS, fault_of_flat_input, listed
from plimsoll.tasks.tabular_rows import TabularRows
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options

NAME = "tabular-classification"
MOST_COUNTED_LABELS = 50
"""The predictions of a model with more labels are not counted by label, because each label is a series."""
_TAKES = (
    f"the task {NAME} is for models of one input, FP32 or FP64 of shape [-1, N] with N fixed, and of one output, a "
    "score in FP16, FP32 or FP64 for each label, or one score with a threshold"
)


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

    def answers(self, outputs: Tensors) -> list[tuple[int, NDArray[Any]]]:
        """The position of the label, and the scores of all labels, of each row.

        Raises:
            ModelFailed: a score is not finite; `index` names the row.
        """
        scores = outputs[self.output]
        # By position, for the reason that `NumberRows.write` gives.
        highest = int(scores.argmax())
        if not (isfinite(scores.item(scores.argmin())) and isfinite(scores.item(highest))):
            raise not_finite(scores)
        if self.threshold is None and len(scores) == 1:
            return [(highest, scores[0])]
        chosen = self.chosen(scores).tolist()
        if self.threshold is not None:
            upper = scores.reshape(-1)
            scores = np.stack((1 - upper, upper), axis=1)
        return [(position, scores[row]) for row, position in enumerate(chosen)]

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


class TabularClassification(TabularRows):
    """Implements `Task`: the rows are read as `TabularRows` does.

    Raises:
        BundleError: with check `task`; the message says what the model has, what can be asked, and what helps.
    """

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        del read_file, limits
        check_options(NAME, options, (COLUMNS,))
        if fault := fault_of_flat_input(signature) or fault_of_scores(signature):
            raise BundleError("task", f"nothing can ask this model: {fault}; {_TAKES}")
        super().__init__(signature, options)
        self._classes = label_scores(signature)
        self.classes = self._classes.counted

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"class", "probabilities"}` of each row; see `Task.results`."""
        del question
        labels = self._classes.labels
        return [{"class": labels[best], "probabilities": row} for best, row in self._classes.answers(outputs)]

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        return {"type": "object", "properties": self._classes.schema(), "required": ["class", "probabilities"]}
