"""`image-classification`: pictures in; the class, how sure the model is, and the probability of every label out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.picture_options import OPTION as PICTURE
from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.picture_reader import PictureReader
from plimsoll.tasks.tabular_classification import fault_of_scores, label_scores
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options

NAME = "image-classification"
_TOP = "top"
_DEFAULT_TOP = 5


class ImageClassification(PictureReader):
    """Implements `Task`: the pictures are read as `PictureReader` does.

    The option `top` is the number of the likeliest classes that are listed in their order, 5 by default.

    Raises:
        BundleError: with check `task`, when an option is wrong or does not fit the signature.
    """

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        del read_file
        check_options(NAME, options, (PICTURE, _TOP))
        super().__init__(signature, options, signature.outputs, limits)
        if fault := fault_of_scores(signature):
            raise BundleError("task", f"nothing can ask this model: {fault}; the task {NAME} needs one score a label")
        self._classes = label_scores(signature)
        self._labels = self._classes.labels
        self._top = _top_of(options, len(self._labels))
        self.classes = self._classes.counted

    def tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The outputs themselves."""
        del question
        return outputs

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"class", "confidence", "top", "probabilities"}` of each picture; see `Task.results`."""
        del question
        return [self._result(best, row) for best, row in self._classes.answers(outputs)]

    def _result(self, best: int, row: NDArray[Any]) -> Json:
        order = np.argsort(-row, kind="stable")[: self._top].tolist()
        top = [{"class": self._labels[place], "probability": float(row[place])} for place in order]
        return {
            "class": self._labels[best], "confidence": float(row[best]), "top": top, "probabilities": row,
        }  # fmt: skip

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        scores = self._classes.schema()
        probability = {"type": "number", "description": "From 0 to 1, if the model ends with a softmax."}
        one = {
            "type": "object", "properties": {"class": {"enum": list(self._labels)}, "probability": probability},
            "required": ["class", "probability"],
        }  # fmt: skip
        properties = {
            "class": scores["class"],
            "confidence": {"type": "number", "description": "The probability of the class."},
            "top": {
                "type": "array", "items": one, "maxItems": self._top,
                "description": "The likeliest labels, the likeliest first.",
            },
            "probabilities": scores["probabilities"],
        }  # fmt: skip
        return {"type": "object", "properties": properties, "required": list(properties)}


def _top_of(options: Options, labels: int) -> int:
    top = options.get(_TOP, min(_DEFAULT_TOP, labels))
    if type(top) is not int or not 1 <= top <= labels:
        raise BundleError("task", f"the option '{_TOP}' is a whole number from 1 to {labels}, the number of labels")
    return top
