"""The option `padding` of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from plimsoll.bundle.manifest import Manifest
from plimsoll.bundle.record import Record
from plimsoll.errors import BundleError
from plimsoll.inference.batch_limits import MAX_ELEMENTS, elements_of_row
from plimsoll.inference.padding import Padding
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.inference.tensor_bounds import TensorBounds
from plimsoll.quoting import quote
from plimsoll.validation_faults import sentence_of

OPTION = "padding"
PADDED_TASKS = ("tensors", "text-classification", "token-classification", "embeddings")
"""The tasks that have this option."""
_SHORTEST = 8
"""The first length where only the longest is given: a batch of shorter rows costs hardly less."""
_MOST_LENGTHS = 16
_LONGEST = 1 << 18
_DIMENSIONS_OF_MASK = 2
_MOST_ELEMENTS_OF_ROW = 16 * MAX_ELEMENTS
"""Numbers of the longest row in all inputs: as many as a body of 8 MiB, the default limit, can hold in JSON.

Proving the padding takes eight such rows at once, three times over: about 800 MB if each number has eight bytes.
"""

Length = Annotated[int, Field(ge=1, le=_LONGEST)]


class _PaddingOptions(Record):
    model_config = ConfigDict(strict=True)

    lengths: Annotated[list[Length], Field(min_length=1, max_length=_MOST_LENGTHS)] | None = None
    longest: Length | None = None
    values: dict[str, bool | int | float] = Field(default_factory=dict)
    mask: str | None = None
    batch_places: Annotated[int, Field(ge=1)] | None = None


def padding_of_manifest(manifest: Manifest) -> Padding | None:
    """The padding of a bundle; `None` where its task has none. See `padding_of` for the errors."""
    if manifest.task not in PADDED_TASKS:
        return None
    return padding_of(manifest.line_signature(), manifest.options)


def padding_of(signature: Signature, options: Mapping[str, Any]) -> Padding | None:
    """The padding that the options of a task ask for; `None` where they do not.

    Raises:
        BundleError: with check `task`, when the option is malformed or does not fit the signature.
    """
    if OPTION not in options:
        return None
    try:
        chosen = _PaddingOptions.model_validate(options[OPTION])
    except ValidationError as error:
        raise _refusal(f"is malformed: {sentence_of(error)}") from None
    if fault := _fault_of_inputs(signature) or _fault_of_mask(signature, chosen.mask):
        raise _refusal(f"does not fit the signature: {fault}")
    open_inputs = {spec.name: spec for spec in signature.inputs if spec.open_dimensions and spec.name != chosen.mask}
    for name, value in chosen.values.items():
        if name not in open_inputs:
            raise _refusal(
                f"has a value for {quote(name)}; the inputs that are padded with a value are {_listed(open_inputs)}"
            )
        if not _fits(open_inputs[name], value):
            raise _refusal(f"pads '{name}' with {value!r}, which is no {open_inputs[name].datatype}")
    values = {name: chosen.values.get(name, 0) for name in open_inputs}
    padding = Padding(signature.inputs, _lengths(chosen), values, chosen.mask, chosen.batch_places)
    elements = elements_of_row(padding.shapes(padding.longest))
    if elements > _MOST_ELEMENTS_OF_ROW:
        raise _refusal(
            f"gives the longest row, of {padding.longest} places, {elements} elements in all inputs, and a row may "
            f"have at most {_MOST_ELEMENTS_OF_ROW}; lower the longest length, or leave the option out"
        )
    return padding


def _lengths(chosen: _PaddingOptions) -> tuple[int, ...]:
    if (chosen.lengths is None) == (chosen.longest is None):
        given = "neither" if chosen.lengths is None else "both"
        raise _refusal(f"needs either 'lengths' or 'longest', and has {given}")
    if chosen.lengths is None:
        longest = chosen.longest or 1
        powers = (1 << power for power in range(_SHORTEST.bit_length() - 1, longest.bit_length()))
        return (*(power for power in powers if power < longest), longest)
    if any(later <= earlier for earlier, later in zip(chosen.lengths, chosen.lengths[1:], strict=False)):
        raise _refusal(f"has the lengths {chosen.lengths}, which should ascend")
    return tuple(chosen.lengths)


def _fault_of_inputs(signature: Signature) -> str:
    if not any(spec.open_dimensions for spec in signature.inputs):
        return "every input has a fixed shape, so there is nothing to pad; leave the option out"
    for spec in signature.inputs:
        if spec.shape[1:].count(-1) > 1:
            return (
                f"its input '{spec.name}' is {spec.datatype} {list(spec.shape)}, and an input that is padded has one "
                "open dimension; give the others a length"
            )
    return ""


def _fault_of_mask(signature: Signature, mask: str | None) -> str:
    if mask is None:
        return ""
    inputs = {spec.name: spec for spec in signature.inputs}
    spec = inputs.get(mask)
    if spec is None:
        return f"the mask {quote(mask)} is no input; the inputs are {_listed(inputs)}"
    if len(spec.shape) != _DIMENSIONS_OF_MASK or not spec.open_dimensions:
        return f"the mask '{mask}' is {spec.datatype} {list(spec.shape)}, and a mask is of shape [-1, -1]"
    bounds = TensorBounds(spec)
    if not bounds.low <= 0 or not bounds.high >= 1:
        return f"the mask '{mask}' holds 0 and 1, which its minimum {spec.minimum} or maximum {spec.maximum} excludes"
    if not any(each.open_dimensions for each in signature.inputs if each is not spec):
        return f"the mask '{mask}' is the only input of open length, so there is nothing to pad; leave the option out"
    return ""


def _fits(spec: TensorSpec, value: float) -> bool:
    """Whether the datatype of an input has this number."""
    if spec.dtype.kind == "b":
        return value in (0, 1)
    bounds = TensorBounds(replace(spec, minimum=None, maximum=None))
    whole = spec.dtype.kind not in "iu" or value == int(value)
    return not isinstance(value, bool) and whole and bool(bounds.low <= value <= bounds.high)


def _listed(names: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _refusal(fault: str) -> BundleError:
    return BundleError("task", f"the option '{OPTION}' {fault}")
