"""Tensors as JSON: a flat list in row-major order, or nested lists."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import WIRE_DTYPES, TensorSpec, WireDatatype
from plimsoll.tasks.finite_numbers import not_finite

_TYPES: dict[str, tuple[frozenset[type], str]] = {
    "b": (frozenset({bool}), "true or false"),
    "i": (frozenset({int}), "whole numbers"),
    "u": (frozenset({int}), "whole numbers from 0 on"),
    "f": (frozenset({int, float}), "numbers"),
    "O": (frozenset({str}), "texts"),
}
"""The types of elements by the kind of a numpy dtype."""


def array_of_json(name: str, datatype: WireDatatype, shape: tuple[int, ...], data: object) -> NDArray[Any]:
    """The tensor of an input in its JSON data.

    Raises:
        InvalidInput: the data does not fit datatype and shape, or the datatype has no JSON.
    """
    if datatype == "BF16":
        raise _fault(name, "has no form in JSON as BF16", "binary tensor data", "JSON data")
    flat = _flat(name, shape, data)
    dtype = WIRE_DTYPES[datatype]
    types, words = _TYPES[dtype.kind]
    if not types.issuperset(map(type, flat)):
        wrong = next(each for each in flat if type(each) not in types)
        raise _fault(name, f"holds something else than {datatype}", words, _kind(wrong))
    if dtype.kind == "O":
        return _texts(name, flat).reshape(shape)
    try:
        with np.errstate(over="ignore"):  # 1e39 becomes infinite in FP32, and the task refuses it
            return np.array(flat, dtype).reshape(shape)
    except (OverflowError, ValueError):
        raise _fault(name, f"holds a number beyond {datatype}", f"{words} within {datatype}", "a larger one") from None


def json_of(spec: TensorSpec, tensor: NDArray[Any]) -> Any:  # noqa: ANN401  # JSON
    """The flat data of an output, as `orjson` writes it.

    Raises:
        InvalidInput: the datatype or an element has no JSON, and the client should ask for binary data.
        ModelFailed: a number is not finite.
    """
    if spec.datatype == "BF16":
        raise _no_json(spec.name, "BF16")
    if spec.datatype == "BYTES":
        try:
            return [each.decode() for each in tensor.flat]
        except UnicodeDecodeError:
            raise _no_json(spec.name, "an element that is not UTF-8") from None
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise not_finite(tensor)
    return np.ascontiguousarray(tensor).reshape(-1)


def _flat(name: str, shape: tuple[int, ...], data: object) -> list[Any]:
    """The elements of flat or nested lists."""
    if not isinstance(data, list):
        raise _fault(name, "has no list as its data", "a list", _kind(data))
    if len(shape) > 1 and data and isinstance(data[0], list):
        flat: list[Any] = []
        _flatten(name, shape, data, flat)
        return flat
    count = math.prod(shape)
    if len(data) != count:
        raise _fault(name, "has the wrong number of elements", f"{count} for shape {list(shape)}", f"{len(data)}")
    return data


def _flatten(name: str, shape: tuple[int, ...], value: object, into: list[Any]) -> None:
    if not isinstance(value, list) or len(value) != shape[0]:
        given = f"a list of {len(value)}" if isinstance(value, list) else _kind(value)
        raise _fault(name, "has nested lists that do not fit its shape", f"a list of {shape[0]}", given)
    if len(shape) == 1:
        into.extend(value)
        return
    for inner in value:
        _flatten(name, shape[1:], inner, into)


def _texts(name: str, flat: list[str]) -> NDArray[Any]:
    texts = np.empty(len(flat), np.object_)
    try:
        texts[:] = [each.encode() for each in flat]
    except UnicodeEncodeError:
        raise _fault(name, "holds half a character", "texts of whole characters", "a lone surrogate") from None
    return texts


def _kind(value: object) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
        int: "a number",
    }
    return kinds.get(type(value), "a number with a fraction")


def _fault(name: str, what: str, expected: str, given: str) -> InvalidInput:
    return InvalidInput(f"the data of the input '{name}' {what}", expected=expected, given=given)


def _no_json(name: str, given: str) -> InvalidInput:
    return InvalidInput(
        f"the output '{name}' has no form in JSON",
        expected="a request for it as binary data, with the parameter binary_data true", given=given,
    )  # fmt: skip
