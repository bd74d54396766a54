"""`text-classification`: texts in; the class, the probability of every label and the count of tokens out."""

from __future__ import annotations

from typing import Any

from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.tabular_classification import fault_of_scores, label_scores
from plimsoll.tasks.task_options import NO_OPTIONS, Options
from plimsoll.tasks.texts import TextReader, counts_of, counts_schema

NAME = "text-classification"


class TextClassification(TextReader):
    """Implements `Task`: the texts are read as `TextReader` does, and the model gives a probability for each label.

    Raises:
        BundleError: as `TextReader`, or with check `task` for other outputs.
    """

    name = NAME

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        if fault := fault_of_scores(signature):
            raise BundleError(
                "task",
                f"nothing can ask this model: {fault}; the task {NAME} is for models of one output, a score in FP16, "
                "FP32 or FP64 for each label, or one score with a threshold",
            )
        super().__init__(signature, options, read_file, limits)
        self._scores = label_scores(signature)
        self.classes = self._scores.counted

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"class", "probabilities", "confidence", "tokens", "tokens_cut"}` of each text; see `Task.results`."""
        labels = self._scores.labels
        answers = self._scores.answers(outputs)
        return [
            {"class": labels[best], "probabilities": row, "confidence": row[best], **counts}
            for (best, row), counts in zip(answers, counts_of(question), strict=True)
        ]

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        confidence = {"type": "number", "description": "The probability of the class."}
        properties = {**self._scores.schema(), "confidence": confidence, **counts_schema()}
        return {"type": "object", "properties": properties, "required": list(properties)}
