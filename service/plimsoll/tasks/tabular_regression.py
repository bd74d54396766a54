"""`tabular-regression`: rows of numbers in; one number for each target out."""

from __future__ import annotations

from typing import Any

import numpy as np

from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.column_options import OPTION as COLUMNS
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.flat_rows import DIMENSIONS, fault_of_flat_input
from plimsoll.tasks.tabular_rows import TabularRows
from plimsoll.tasks.target_options import OPTION as TARGETS
from plimsoll.tasks.target_options import IntervalOptions, TargetOptions, targets_from
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options

NAME = "tabular-regression"
_TAKES = (
    f"the task {NAME} is for models of one input, FP32 or FP64 of shape [-1, N] with N fixed, and of outputs in FP16, "
    "FP32 or FP64: one number a row, which is named by its output, or several with a label for each"
)


class TabularRegression(TabularRows):
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
        check_options(NAME, options, (COLUMNS, TARGETS))
        fault = fault_of_flat_input(signature) or next(filter(None, map(_fault_of_output, signature.outputs)), "")
        self._targets = [] if fault else [(spec.name, targets_of(spec)) for spec in signature.outputs]
        names = [name for _, targets in self._targets for name in targets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            fault = f"two targets are named '{twice}'"
        if fault:
            raise BundleError("task", f"nothing can ask this model: {fault}; {_TAKES}")
        super().__init__(signature, options)
        self._described = targets_from(names, options)
        self._intervals = {name: each.interval for name, each in self._described.items() if each.interval is not None}
        self._ends = {end for each in self._intervals.values() for end in (each.low, each.high)}

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"values": {target: number}}` of each row, and `interval` if the model has one; see `Task.results`."""
        del question
        rows: list[dict[str, Any]] = [{} for _ in range(len(outputs[self._targets[0][0]]))]
        for name, targets in self._targets:
            numbers = outputs[name]
            if not np.isfinite(numbers).all():
                raise not_finite(numbers)
            for values, row in zip(rows, numbers.reshape(len(numbers), -1), strict=True):
                values.update(zip(targets, row, strict=True))
        if self._intervals:
            return [self._with_interval(numbers) for numbers in rows]
        return [{"values": values} for values in rows]

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        names = [name for _, targets in self._targets for name in targets if name not in self._ends]
        values = _object({name: {"type": "number", **_about(self._described.get(name))} for name in names})
        if not self._intervals:
            return _object({"values": values})
        intervals = {name: _interval_schema(interval) for name, interval in self._intervals.items()}
        return _object({"values": values, "interval": _object(intervals)})

    def _with_interval(self, numbers: dict[str, Any]) -> dict[str, Any]:
        values = {name: number for name, number in numbers.items() if name not in self._ends}
        intervals = {
            name: {"low": numbers[each.low], "high": numbers[each.high], "level": each.level}
            for name, each in self._intervals.items()
        }
        return {"values": values, "interval": intervals}


def targets_of(spec: TensorSpec) -> list[str]:
    """The names of the targets that an output has."""
    return [str(label) for label in spec.labels] or [spec.name]


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _about(target: TargetOptions | None) -> Json:
    return {} if target is None or not target.words else {"description": target.words}


def _interval_schema(interval: IntervalOptions) -> Json:
    number = {"type": "number"}
    described = f"The target lies between low and high with a probability of {interval.level:g}, as the model says."
    return {**_object({"low": number, "high": number, "level": {"const": interval.level}}), "description": described}


def _fault_of_output(spec: TensorSpec) -> str:
    given = f"its output '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    if not spec.datatype.startswith("FP") or len(spec.shape) > DIMENSIONS or spec.open_dimensions:
        return f"{given}; give one number for each target"
    if spec.threshold is not None:
        return f"{given} with a threshold; a number that decides between two classes is a classification"
    if len(spec.shape) == DIMENSIONS and spec.shape[1] > 1 and not spec.labels:
        return f"{given} without labels; name its targets"
    return ""
