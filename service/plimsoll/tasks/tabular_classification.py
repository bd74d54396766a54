"""`tabular-classification`: rows of numbers in; the class and the probability of every label out."""

from __future__ import annotations

from typing import Any

from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.class_scores import fault_of_scores, label_scores
from plimsoll.tasks.flat_rows import fault_of_flat_input
from plimsoll.tasks.number_rows import RowReader
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options

NAME = "tabular-classification"
_TAKES = (
    f"the task {NAME} is for models of one input, FP32 or FP64 of shape [-1, N] with N fixed, and of one output, a "
    "score in FP16, FP32 or FP64 for each label, or one score with a threshold"
)


class TabularClassification(RowReader):
    """Implements `Task`: the rows are read as `RowReader` does.

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
        check_options(NAME, options)
        if fault := fault_of_flat_input(signature) or fault_of_scores(signature):
            raise BundleError("task", f"nothing can ask this model: {fault}; {_TAKES}")
        super().__init__(signature)
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
