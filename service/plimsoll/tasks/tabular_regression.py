"""`tabular-regression`: rows of numbers in; one number for each target out."""

from __future__ import annotations

from typing import Any

import numpy as np

from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.flat_rows import DIMENSIONS, fault_of_flat_input
from plimsoll.tasks.number_rows import RowReader
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options

NAME = "tabular-regression"
_TAKES = (
    f"the task {NAME} is for models of one input, FP32 or FP64 of shape [-1, N] with N fixed, and of outputs in FP16, "
    "FP32 or FP64: one number a row, which is named by its output, or several with a label for each"
)


class TabularRegression(RowReader):
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
        fault = fault_of_flat_input(signature) or next(filter(None, map(_fault_of_output, signature.outputs)), "")
        self._targets = [] if fault else [(spec.name, targets_of(spec)) for spec in signature.outputs]
        names = [name for _, targets in self._targets for name in targets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            fault = f"two targets are named '{twice}'"
        if fault:
            raise BundleError("task", f"nothing can ask this model: {fault}; {_TAKES}")
        super().__init__(signature)

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"values": {target: number}}` of each row; see `Task.results`."""
        del question
        rows: list[dict[str, Any]] = [{} for _ in range(len(outputs[self._targets[0][0]]))]
        for name, targets in self._targets:
            numbers = outputs[name]
            if not np.isfinite(numbers).all():
                raise not_finite(numbers)
            for values, row in zip(rows, numbers.reshape(len(numbers), -1), strict=True):
                values.update(zip(targets, row, strict=True))
        return [{"values": values} for values in rows]

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        properties = {name: {"type": "number"} for _, targets in self._targets for name in targets}
        values = {"type": "object", "properties": properties, "required": list(properties)}
        return {"type": "object", "properties": {"values": values}, "required": ["values"]}


def targets_of(spec: TensorSpec) -> list[str]:
    """The names of the targets that an output has."""
    return [str(label) for label in spec.labels] or [spec.name]


def _fault_of_output(spec: TensorSpec) -> str:
    given = f"its output '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    if not spec.datatype.startswith("FP") or len(spec.shape) > DIMENSIONS or spec.open_dimensions:
        return f"{given}; give one number for each target"
    if spec.threshold is not None:
        return f"{given} with a threshold; a number that decides between two classes is a classification"
    if len(spec.shape) == DIMENSIONS and spec.shape[1] > 1 and not spec.labels:
        return f"{given} without labels; name its targets"
    return ""
