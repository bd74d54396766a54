"""The signature in a manifest."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from plimsoll.bundle.class_labels import CLASSES_OF_ONE_SCORE, fault_of_labels, fault_of_threshold
from plimsoll.bundle.record import Record
from plimsoll.inference.payloads import Datatype, TensorSpec
from plimsoll.quoting import quote

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


def _good_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            "the name of a tensor begins with a letter or '_' and goes on with at most 127 letters, digits, '_', '.' "
            f"and '-'; {quote(value)} is given"
        )
    return value


def _good_bound(value: object, checked: ValidatorFunctionWrapHandler) -> float:
    number: float = checked(value)
    return value if isinstance(value, int) else number


def _good_labels(value: object) -> object:
    if isinstance(value, list) and (fault := fault_of_labels(value)):
        raise ValueError(fault)
    return value


_Bound = Annotated[
    float,
    WrapValidator(_good_bound),
    PlainSerializer(lambda bound: bound, return_type=int | float),
    WithJsonSchema({"type": "number"}),
]
"""Whole numbers stay whole, since floating-point numbers beyond 2**53 leave some out."""


class Tensor(Record):
    """One tensor of the signature, in the terms of the Open Inference Protocol.

    An output of one score a row may have a `threshold`: its two `labels` name the class of a lower score, and that of
    all others.
    """

    # The number "0.5" in quotes and the label true are slips, and a server would answer by what they are taken for.
    model_config = ConfigDict(strict=True)

    name: Annotated[str, AfterValidator(_good_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]
    datatype: Datatype
    shape: Annotated[list[Annotated[int, Field(ge=-1)]], Field(min_length=1, max_length=8)]
    minimum: _Bound | None = None
    maximum: _Bound | None = None
    labels: Annotated[list[str | int] | None, BeforeValidator(_good_labels)] = None
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.shape[0] != -1:
            raise ValueError(f"the first dimension of tensor '{self.name}' is the batch and must be -1")
        if 0 in self.shape:
            raise ValueError(f"tensor '{self.name}' has a dimension of length 0")
        self._check_labels()
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"the minimum of tensor '{self.name}' lies above its maximum")
        return self

    def _check_labels(self) -> None:
        given = len(self.labels or ())
        if self.threshold is None:
            if self.labels is not None and given != self.shape[-1]:
                positions = self.shape[-1] if len(self.shape) > 1 else "no"
                raise ValueError(f"tensor '{self.name}' has {positions} positions and {given} labels")
        elif self.shape[1:] not in ([], [1]) or given != CLASSES_OF_ONE_SCORE:
            raise ValueError(
                f"the threshold of tensor '{self.name}' needs one score a row and two labels; its shape is "
                f"{self.shape}, and it has {given} labels"
            )
        elif fault := fault_of_threshold(self.threshold, self.datatype):
            raise ValueError(f"the threshold of tensor '{self.name}' should lie between 0 and 1, and {fault}")

    def spec(self) -> TensorSpec:
        """The same tensor as the inference line knows it."""
        labels = tuple(self.labels or ())
        return TensorSpec(
            self.name, self.datatype, tuple(self.shape), self.minimum, self.maximum, labels, self.threshold
        )


class ManifestSignature(Record):
    """The tensors that the model takes and gives."""

    inputs: Annotated[list[Tensor], Field(min_length=1)]
    outputs: Annotated[list[Tensor], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for side in (self.inputs, self.outputs):
            names = [tensor.name for tensor in side]
            if len(set(names)) != len(names):
                raise ValueError(f"two tensors of the signature share a name: {', '.join(names)}")
        if any(tensor.threshold is not None for tensor in self.inputs):
            raise ValueError("an input has a threshold, and only an output may have one")
        return self
