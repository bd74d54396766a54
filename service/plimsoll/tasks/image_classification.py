"""`image-classification`: pictures in; the class, how sure the model is, and the probability of every label out."""

from __future__ import annotations

from typing import Any

import numpy as np

from plimsoll.bundle.picture_options import OPTION as PICTURE
from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.flat_rows import DIMENSIONS, listed
from plimsoll.tasks.picture_reader import PictureReader
from plimsoll.tasks.tabular_classification import label_scores
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
        if fault := _fault_of_output(signature):
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
        probabilities = outputs[self._classes.output]
        if not np.isfinite(probabilities).all():
            raise not_finite(probabilities)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : self._top].tolist()
        return [self._result(row, best) for row, best in zip(probabilities, order, strict=True)]

    def _result(self, row: Any, best: list[int]) -> Json:  # noqa: ANN401  # an array
        top = [{"class": self._labels[place], "probability": float(row[place])} for place in best]
        return {
            "class": top[0]["class"], "confidence": top[0]["probability"], "top": top, "probabilities": row,
        }  # fmt: skip

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        labels = list(self._labels)
        probability = {"type": "number", "description": "From 0 to 1, if the model ends with a softmax."}
        one = {
            "type": "object", "properties": {"class": {"enum": labels}, "probability": probability},
            "required": ["class", "probability"],
        }  # fmt: skip
        return {
            "type": "object",
            "properties": {
                "class": {"enum": labels, "description": "The likeliest label."},
                "confidence": {"type": "number", "description": "Its probability."},
                "top": {
                    "type": "array", "items": one, "maxItems": self._top,
                    "description": "The likeliest labels, the likeliest first.",
                },
                "probabilities": {
                    "type": "array", "items": {"type": "number"}, "minItems": len(labels), "maxItems": len(labels),
                    "description": "One for each label, in the order of the signature.",
                },
            },
            "required": ["class", "confidence", "top", "probabilities"],
        }  # fmt: skip


def _fault_of_output(signature: Signature) -> str:
    if len(signature.outputs) != 1:
        return f"it has {len(signature.outputs)} outputs, {listed(signature.outputs)}"
    (spec,) = signature.outputs
    if not spec.datatype.startswith("FP") or len(spec.shape) != DIMENSIONS or spec.threshold is not None:
        return f"its output '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    return "" if spec.labels else f"its output '{spec.name}' has no labels; name its classes"


def _top_of(options: Options, labels: int) -> int:
    top = options.get(_TOP, min(_DEFAULT_TOP, labels))
    if type(top) is not int or not 1 <= top <= labels:
        raise BundleError("task", f"the option '{_TOP}' is a whole number from 1 to {labels}, the number of labels")
    return top
