"""Tensors as bytes: little-endian, in row-major order, as the Open Inference Protocol sends them.

Source: the binary tensor data extension of the protocol. An element of BYTES is its length, in four bytes, and its
bytes; one of BF16 is the upper half of the FP32 number; one of BOOL is a byte, 0 or 1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import WIRE_DTYPES, WireDatatype

_LENGTH = struct.Struct("<I")
_HALF = 16
"""The bits by which a number of BF16 is shorter than one of FP32."""
_ON_THE_WIRE: Mapping[str, np.dtype[Any]] = {
    **{name: dtype.newbyteorder("<") for name, dtype in WIRE_DTYPES.items() if dtype.kind != "O"},
    "BOOL": np.dtype(np.uint8),
    "BF16": np.dtype("<u2"),
}


def element_bytes(datatype: WireDatatype) -> int:
    """The bytes of one element, of any datatype but BYTES."""
    return _ON_THE_WIRE[datatype].itemsize


def array_of(name: str, datatype: WireDatatype, shape: tuple[int, ...], raw: memoryview) -> NDArray[Any]:
    """The tensor of an input in its bytes; it may share their memory, and is read-only then.

    Raises:
        InvalidInput: the bytes are too many or too few for datatype and shape, or an element is malformed.
    """
    if datatype == "BYTES":
        return _texts_of(name, shape, raw)
    dtype = _ON_THE_WIRE[datatype]
    size = math.prod(shape) * dtype.itemsize
    if len(raw) != size:
        raise InvalidInput(
            f"the input '{name}' has the wrong number of bytes",
            expected=f"{size} bytes for {datatype} {list(shape)}", given=f"{len(raw)} bytes",
        )  # fmt: skip
    tensor: NDArray[Any] = np.ndarray(shape, dtype, raw)
    if datatype == "BOOL":
        if tensor.size and tensor.max() > 1:
            raise InvalidInput(
                f"the input '{name}' holds a byte that is no BOOL", expected="bytes of 0 and 1", given=f"{tensor.max()}"
            )
        return tensor.view(np.bool_)
    if datatype == "BF16":
        return (tensor.astype(np.uint32) << _HALF).view(np.float32)
    return tensor


def bytes_of(datatype: WireDatatype, tensor: NDArray[Any]) -> bytes:
    """The bytes of a tensor; numbers of BF16, which are held as FP32, are rounded to the nearest."""
    if datatype == "BYTES":
        return b"".join(_LENGTH.pack(len(each)) + each for each in tensor.flat)
    if datatype == "BF16":
        return _rounded_to_bf16(tensor).tobytes()
    dtype = _ON_THE_WIRE[datatype]
    return (tensor if tensor.dtype == dtype else tensor.astype(dtype)).tobytes()


def _rounded_to_bf16(tensor: NDArray[Any]) -> NDArray[np.uint16]:
    """The upper halves of FP32 numbers, ties to even; a NaN stays one."""
    bits = np.ascontiguousarray(tensor, np.dtype("<f4")).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> _HALF) & 1)) >> _HALF
    return np.where(np.isnan(tensor), (bits >> _HALF) | 0x40, rounded).astype("<u2")


def _texts_of(name: str, shape: tuple[int, ...], raw: memoryview) -> NDArray[Any]:
    count = math.prod(shape)
    texts = np.empty(count, np.object_)
    at = 0
    for index in range(count):
        begin = at + _LENGTH.size
        if begin > len(raw):
            raise _cut_short(name, index, f"{len(raw) - at} bytes where its length should be")
        (length,) = _LENGTH.unpack_from(raw, at)
        at = begin + length
        if at > len(raw):
            raise _cut_short(name, index, f"a length of {length} with {len(raw) - begin} bytes left")
        texts[index] = bytes(raw[begin:at])
    if at != len(raw):
        raise InvalidInput(
            f"the input '{name}' goes on after its last element",
            expected=f"{count} elements in {at} bytes", given=f"{len(raw)} bytes",
        )  # fmt: skip
    return texts.reshape(shape)


def _cut_short(name: str, index: int, given: str) -> InvalidInput:
    return InvalidInput(
        f"the input '{name}' is cut short at element {index}",
        expected="for each element of BYTES its length in 4 bytes, little-endian, and then its bytes", given=given,
    )  # fmt: skip
