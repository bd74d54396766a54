"""Tensors of the protocol: their datatypes, made-up values, and both of their spellings, JSON and binary."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

NUMPY_CODES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""The datatypes of fixed size, each with the code that numpy has for it."""
DATATYPES = {*NUMPY_CODES, "BYTES", "BF16"}
"""Those of the section Tensor Data Types, and BF16, which servers and clients share beyond it."""
WITHOUT_JSON = {"FP16", "BF16"}
"""The section Tensor Data calls them problematic in JSON; the suite sends them as binary data only."""
TEXTS = ("BYTES", "STRING")
"""BYTES, and the name that the example of the classification extension has for it."""
_LENGTH = struct.Struct("<I")

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """One input or output; `array` has dtype object and elements of type bytes for BYTES, float32 for BF16."""

    name: str
    datatype: str
    array: Array

    @property
    def shape(self) -> list[int]:
        return list(self.array.shape)

    def head(self) -> dict[str, Any]:
        """The description of the tensor without its elements."""
        return {"name": self.name, "datatype": self.datatype, "shape": self.shape}

    def as_json(self, *, flat: bool = False) -> dict[str, Any]:
        """The tensor with its elements as JSON, nested as its shape is, or in one list."""
        array = self.array.reshape(-1) if flat else self.array
        return self.head() | {"data": _decoded(array.tolist())}

    def as_binary(self) -> tuple[dict[str, Any], bytes]:
        """The description of the tensor, and its elements as binary data."""
        data = to_binary(self.datatype, self.array)
        return self.head() | {"parameters": {"binary_data_size": len(data)}}, data

    def of(self, **changes: Any) -> Tensor:
        """The same tensor with other fields."""
        return replace(self, **changes)


def example(name: str, datatype: str, shape: Sequence[int]) -> Tensor:
    """A tensor of plain values: fractions below 1 that every float type holds, whole numbers below 3, short texts."""
    places = np.arange(math.prod(shape))
    values: Array
    if datatype == "BYTES":
        values = np.array([f"text {place}".encode() for place in places] or [b""], dtype=object)[: len(places)]
    elif datatype in ("FP16", "FP32", "FP64", "BF16"):
        values = ((places * 7 + 3) % 61 / 64).astype(numpy_type(datatype))
    else:
        values = ((places * 2 + 1) % 3 % (2 if datatype == "BOOL" else 3)).astype(numpy_type(datatype))
    return Tensor(name, datatype, values.reshape(tuple(shape)))


def numpy_type(datatype: str) -> np.dtype[Any]:
    """The dtype in which the suite holds a datatype."""
    return np.dtype(object if datatype == "BYTES" else NUMPY_CODES.get(datatype, "<f4"))


def to_binary(datatype: str, array: Array) -> bytes:
    """The elements as the extension for binary tensor data writes them."""
    if datatype == "BYTES":
        return b"".join(_LENGTH.pack(len(element)) + element for element in array.reshape(-1))
    if datatype == "BF16":
        return (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return array.astype(numpy_type(datatype)).tobytes()


def from_binary(datatype: str, shape: Sequence[int], data: bytes) -> Array:
    """Elements of binary data.

    Raises:
        ValueError: if there are more or fewer bytes than the shape needs.
    """
    if datatype in TEXTS:
        elements = np.empty(math.prod(shape), dtype=object)
        elements[:] = _split(data, math.prod(shape))
        return elements.reshape(tuple(shape))
    if datatype == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(tuple(shape))
    return np.frombuffer(data, numpy_type(datatype)).reshape(tuple(shape))


def from_json(datatype: str, shape: Sequence[int], data: Any) -> Array:
    """Elements of JSON, nested or flat; those of BYTES may be bytes, too, as gRPC has them.

    Raises:
        ValueError: if an element does not fit the datatype, or their number does not fit the shape.
    """
    flat = list(_elements(data))
    if len(flat) != math.prod(shape):
        raise ValueError(f"shape {list(shape)} has {math.prod(shape)} elements, data has {len(flat)}")
    for element in flat:
        if not _fits(datatype, element):
            raise ValueError(f"an element of {datatype} is {element!r}")
    if datatype in TEXTS:
        elements = np.empty(len(flat), dtype=object)
        elements[:] = [element.encode() if isinstance(element, str) else element for element in flat]
        return elements.reshape(tuple(shape))
    return np.array(flat, dtype=numpy_type(datatype)).reshape(tuple(shape))


def _fits(datatype: str, element: Any) -> bool:
    """Whether a JSON element can be one of the datatype; a BOOL may be 0 or 1, and a float may be a whole number."""
    if datatype in TEXTS:
        return isinstance(element, str | bytes)
    if datatype == "BOOL":
        return isinstance(element, bool) or element in (0, 1)
    if datatype.startswith(("FP", "BF")):
        return isinstance(element, int | float) and not isinstance(element, bool)
    return isinstance(element, int) and not isinstance(element, bool)


def _elements(data: Any) -> Any:
    if isinstance(data, list):
        for each in data:
            yield from _elements(each)
    else:
        yield data


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    return value.decode() if isinstance(value, bytes) else value


def _split(data: bytes, count: int) -> list[bytes]:
    elements: list[bytes] = []
    place = 0
    for _ in range(count):
        if place + _LENGTH.size > len(data):
            raise ValueError(f"the data ends in the length of element {len(elements)}")
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size + length
        if place > len(data):
            raise ValueError(f"element {len(elements)} has {length} bytes, and the data ends before")
        elements.append(data[place - length : place])
    if place != len(data):
        raise ValueError(f"{len(data) - place} bytes follow the last of {count} elements")
    return elements
