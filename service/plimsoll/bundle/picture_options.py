"""The option `picture` of a manifest: the steps from a picture to a row of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ValidationError, model_validator

from plimsoll.bundle.record import Record
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature
from plimsoll.inference.tensor_bounds import TensorBounds
from plimsoll.validation_faults import sentence_of

OPTION = "picture"
MOST_ELEMENTS = 4 << 20
"""Of the rows of one request: 27 pictures of 224 x 224 in colour, or 100 of 128 x 128."""
_WHITE = 255

Resize = Literal["fit", "crop", "stretch"]
Filter = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Side = Annotated[int, Field(ge=1, le=2048)]


class _PictureOptions(Record):
    model_config = ConfigDict(strict=True)

    width: Side
    height: Side
    channels: Literal["L", "RGB"]
    resize: Resize
    filter: Filter
    ground: Annotated[int, Field(ge=0, le=_WHITE)] = 0
    layout: Literal["NCHW", "NHWC", "flat"]
    datatype: Literal["UINT8", "FP32"]
    scale: Annotated[float, Field(gt=0)] | None = None
    mean: list[float] | None = None
    std: list[Annotated[float, Field(gt=0)]] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        given = [name for name in ("scale", "mean", "std") if getattr(self, name) is not None]
        if self.datatype == "UINT8" and given:
            raise ValueError(f"'{given[0]}' is for FP32; a row in UINT8 has the pixels as they are")
        for name in ("mean", "std"):
            numbers = getattr(self, name)
            if numbers is not None and len(numbers) != len(self.channels):
                raise ValueError(f"'{name}' has {len(numbers)} numbers, and the channels are {self.channels}")
        if self.width * self.height * len(self.channels) > MOST_ELEMENTS:
            raise ValueError(f"a row has at most {MOST_ELEMENTS} numbers")
        return self


@dataclass(frozen=True)
class PictureSteps:
    """The steps from a picture to a row.

    The picture is resized to `width` x `height`: `fit` keeps all of it and fills the rest with the grey `ground`,
    `crop` keeps its middle, `stretch` changes its proportions. Transparent parts show the `ground` too. Each pixel p of
    a channel becomes (p * scale - mean) / std in FP32, and stays as it is in UINT8.
    """

    width: int
    height: int
    channels: Literal["L", "RGB"]
    resize: Resize
    filter: Filter
    ground: int
    layout: Literal["NCHW", "NHWC", "flat"]
    datatype: Literal["UINT8", "FP32"]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The dimensions of a row."""
        depth = len(self.channels)
        if self.layout == "flat":
            return (self.height * self.width * depth,)
        return (depth, self.height, self.width) if self.layout == "NCHW" else (self.height, self.width, depth)

    @property
    def most_rows(self) -> int:
        """The most rows of these dimensions that one request may have, whatever their number may be otherwise."""
        return MOST_ELEMENTS // math.prod(self.shape)

    def arranged(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pixels of shape [height, width, channels] in the layout of a row."""
        if self.layout == "NCHW":
            pixels = pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels).reshape(self.shape)

    def pixels_of(self, row: NDArray[Any]) -> NDArray[np.uint8]:
        """The pixels, [height, width, channels], that a row was made of."""
        if self.datatype == "FP32":
            factor, offset = self.factors()
            row = np.clip(np.rint((row - offset) / factor), 0, _WHITE)
        depth = len(self.channels)
        if self.layout == "NCHW":
            row = row.reshape(depth, self.height, self.width).transpose(1, 2, 0)
        return row.reshape(self.height, self.width, depth).astype(np.uint8)

    def factors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The factor and the offset of the pixels of a row; both fit its shape."""
        factor = np.array([self.scale / each for each in self.std])
        offset = np.array([-mean / each for mean, each in zip(self.mean, self.std, strict=True)])
        return self._spread(factor), self._spread(offset)

    def _spread(self, numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        if self.layout == "NCHW":
            numbers = numbers.reshape(-1, 1, 1)
        elif self.layout == "flat":
            numbers = np.tile(numbers, self.height * self.width)
        return numbers.astype(np.float32)


def picture_of(signature: Signature, options: Mapping[str, Any]) -> PictureSteps:
    """The steps that the options of a task name.

    Raises:
        BundleError: with check `task`, when the option is missing or malformed, or does not fit the signature.
    """
    if OPTION not in options:
        raise BundleError("task", f"the task needs the option '{OPTION}', the steps from a picture to a row")
    try:
        chosen = _PictureOptions.model_validate(options[OPTION])
    except ValidationError as error:
        raise BundleError("task", f"the option '{OPTION}' is malformed: {sentence_of(error)}") from None
    depth = len(chosen.channels)
    steps = PictureSteps(
        **chosen.model_dump(exclude={"scale", "mean", "std"}),
        scale=1 / _WHITE if chosen.scale is None else chosen.scale,
        mean=tuple(chosen.mean or (0,) * depth),
        std=tuple(chosen.std or (1,) * depth),
    )
    if fault := _fault_of_input(signature, steps):
        raise BundleError("task", f"the option '{OPTION}' does not fit the signature: {fault}")
    return steps


def _fault_of_input(signature: Signature, steps: PictureSteps) -> str:
    if len(signature.inputs) != 1:
        return f"the model has {len(signature.inputs)} inputs, and a picture fills one"
    (spec,) = signature.inputs
    if spec.shape[1:] != steps.shape or spec.datatype != steps.datatype:
        return (
            f"a picture becomes {steps.datatype} {[-1, *steps.shape]}, and the input '{spec.name}' is "
            f"{spec.datatype} {list(spec.shape)}"
        )
    low, high = np.zeros((1, *steps.shape), spec.dtype), np.full((1, *steps.shape), _WHITE, spec.dtype)
    if steps.datatype == "FP32":
        factor, offset = steps.factors()
        low, high = low + offset, high * factor + offset
    bounds = TensorBounds(spec)
    if bounds.first_outside(low) is not None or bounds.first_outside(high) is not None:
        return f"its pixels go from {low.min():g} to {high.max():g}, beyond the bounds of the input '{spec.name}'"
    return ""
