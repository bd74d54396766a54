"""`object-detection`: pictures in; the class, the confidence and the box of every object out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ValidationError

from plimsoll.bundle.class_labels import fault_of_labels
from plimsoll.bundle.picture_options import OPTION as PICTURE
from plimsoll.bundle.record import Record
from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.box_suppression import MOST_CANDIDATES, Thresholds, choose_boxes
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.picture_reader import PictureReader
from plimsoll.tasks.picture_rows import PictureRows
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options
from plimsoll.tasks.wire_tensors import elements_of
from plimsoll.validation_faults import sentence_of

NAME = "object-detection"
OBJECTS = "objects"
"""The option of this task, the field of a result, and the output in protocols of tensors."""
_DIMENSIONS = 3
_SIDES = 4
_CONFIDENCE_DECIMALS, _PIXEL_DECIMALS = 4, 2

Share = Annotated[float, Field(ge=0, le=1)]


class _ObjectOptions(Record):
    model_config = ConfigDict(strict=True)

    boxes: str
    scores: str
    labels: Annotated[list[str | int], Field(min_length=1)]
    form: Literal["corners", "centre"] = "corners"
    unit: Literal["pixels", "share"] = "pixels"
    least_confidence: Share = 0.25
    most_overlap: Share = 0.5
    most_objects: Annotated[int, Field(ge=1, le=MOST_CANDIDATES)] = 100
    across_classes: bool = False


class ObjectDetection(PictureReader):
    """Implements `Task`: the pictures are read as `PictureReader` does, and the best boxes are chosen here.

    The option `objects` names the outputs, `boxes` of shape [-1, N, 4] and `scores` of shape [-1, N, K], and the K
    `labels` of the classes. A box has its corners left, top, right and bottom, or `form` is `centre`: x and y of its
    centre, width and height. They count pixels of the row, or `unit` is `share`: of its width and height.

    Raises:
        BundleError: with check `task`, when an option is wrong or does not fit the signature.
    """

    slow_results = True
    """Boxes of a picture may take 0.1 s to compare, if the model is sure of all of them."""

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        del read_file
        check_options(NAME, options, (PICTURE, OBJECTS))
        super().__init__(signature, options, (TensorSpec(OBJECTS, "BYTES", (-1,)),), limits)
        try:
            self._objects = _ObjectOptions.model_validate(options.get(OBJECTS))
        except ValidationError as error:
            raise BundleError("task", f"the option '{OBJECTS}' is malformed: {sentence_of(error)}") from None
        _check_outputs(signature, self._objects)
        self._labels = self._objects.labels
        self._thresholds = Thresholds(
            self._objects.least_confidence,
            self._objects.most_overlap,
            self._objects.most_objects,
            self._objects.across_classes,
        )

    def tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The JSON of the objects of each picture, in BYTES; see `results` for the errors."""
        results = self.results(question, outputs)
        return {OBJECTS: elements_of([orjson.dumps(each[OBJECTS]) for each in results])}

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"objects": [{"class", "confidence", "box"}]}` of each picture, the surest first; see `Task.results`.

        A box is left, top, right and bottom in pixels of the picture that was sent, turned as its EXIF says.
        """
        assert isinstance(question, PictureRows)  # noqa: S101  # it comes from `read`
        if question.results is None:
            question.results = self._found(question, outputs)
        return question.results

    def _found(self, question: PictureRows, outputs: Tensors) -> list[Json]:
        boxes, scores = outputs[self._objects.boxes], outputs[self._objects.scores]
        for tensor in (boxes, scores):
            if not np.isfinite(tensor).all():
                raise not_finite(tensor)
        found = []
        for row, placement in enumerate(question.placements):
            corners = placement.in_picture(self._corners(boxes[row]))
            chosen = choose_boxes(corners, scores[row], self._thresholds)
            objects = zip(chosen.classes.tolist(), chosen.confidences.tolist(), chosen.boxes.tolist(), strict=True)
            found.append({OBJECTS: [self._object(*each) for each in objects]})
        return found

    def _object(self, place: int, confidence: float, box: list[float]) -> Json:
        return {
            "class": self._labels[place],
            "confidence": round(confidence, _CONFIDENCE_DECIMALS),
            "box": [round(side, _PIXEL_DECIMALS) for side in box],
        }

    def _corners(self, boxes: NDArray[Any]) -> NDArray[np.float64]:
        """Left, top, right and bottom of boxes in pixels of the row."""
        sides = boxes.astype(np.float64)
        if self._objects.form == "centre":
            middle, reach = sides[:, :2], sides[:, 2:] / 2
            sides = np.concatenate([middle - reach, middle + reach], axis=1)
        if self._objects.unit == "share":
            sides = sides * np.tile((self._steps.width, self._steps.height), 2)
        return sides

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        sides = {
            "type": "array", "items": {"type": "number", "minimum": 0}, "minItems": _SIDES, "maxItems": _SIDES,
            "description": "Left, top, right and bottom, in pixels of the picture that was sent.",
        }  # fmt: skip
        one = {
            "type": "object",
            "properties": {
                "class": {"enum": list(self._labels)},
                "confidence": {"type": "number", "description": f"At least {self._thresholds.least_confidence:g}."},
                "box": sides,
            },
            "required": ["class", "confidence", "box"],
        }
        objects = {"type": "array", "items": one, "description": "The surest first; empty if nothing was found."}
        return {"type": "object", "properties": {OBJECTS: objects}, "required": [OBJECTS]}


def _check_outputs(signature: Signature, objects: _ObjectOptions) -> None:
    """Raise a `BundleError` with check `task` unless the outputs are those that the options name."""
    found = {spec.name: spec for spec in signature.outputs}
    for name in (objects.boxes, objects.scores):
        if name not in found:
            raise BundleError("task", f"the option '{OBJECTS}' names the output '{name}', which the model has not")
    specs = boxes, scores = found[objects.boxes], found[objects.scores]
    if any(not spec.datatype.startswith("FP") or len(spec.shape) != _DIMENSIONS for spec in specs) or (
        boxes.shape[2] != _SIDES or boxes.shape[1] != scores.shape[1]
    ):
        given = " and ".join(f"'{spec.name}' {spec.datatype} {list(spec.shape)}" for spec in specs)
        raise BundleError(
            "task", f"the task {NAME} takes boxes [-1, N, 4] and scores [-1, N, K] in FP32, and the outputs are {given}"
        )
    if fault := fault_of_labels(objects.labels):
        raise BundleError("task", f"the option '{OBJECTS}' names the classes wrongly: {fault}")
    if len(objects.labels) != scores.shape[2]:
        raise BundleError(
            "task", f"the option '{OBJECTS}' has {len(objects.labels)} labels, and the model {scores.shape[2]} scores"
        )
