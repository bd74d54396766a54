"""Tensors as typed contents: a protobuf field of numbers for each kind of datatype."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import WIRE_DTYPES, WireDatatype
from plimsoll.rpc.open_inference_pb2 import InferTensorContents


class _Field(NamedTuple):
    """The field of a datatype, and the numpy dtype that has all of its values."""

    name: str
    dtype: np.dtype[Any]


_SIGNED = _Field("int_contents", np.dtype(np.int32))
_UNSIGNED = _Field("uint_contents", np.dtype(np.uint32))
_FIELDS: Mapping[str, _Field] = {
    "BOOL": _Field("bool_contents", np.dtype(np.bool_)),
    "INT8": _SIGNED,
    "INT16": _SIGNED,
    "INT32": _SIGNED,
    "INT64": _Field("int64_contents", np.dtype(np.int64)),
    "UINT8": _UNSIGNED,
    "UINT16": _UNSIGNED,
    "UINT32": _UNSIGNED,
    "UINT64": _Field("uint64_contents", np.dtype(np.uint64)),
    "FP32": _Field("fp32_contents", np.dtype(np.float32)),
    "FP64": _Field("fp64_contents", np.dtype(np.float64)),
    "BYTES": _Field("bytes_contents", np.dtype(np.object_)),
}


def has_contents(datatype: WireDatatype) -> bool:
    """Whether tensors of this datatype have a field; FP16 and BF16 have none."""
    return datatype in _FIELDS


def array_of_contents(
    name: str, datatype: WireDatatype, shape: tuple[int, ...], contents: InferTensorContents
) -> NDArray[Any]:
    """The tensor of an input in its typed contents.

    Raises:
        InvalidInput: the elements are in another field, too many, too few or out of the range of the datatype; or the
            datatype has no field.
    """
    field = _FIELDS.get(datatype)
    if field is None:
        raise InvalidInput(
            f"the input '{name}' of {datatype} has typed contents, and protobuf has no such numbers",
            expected="its bytes in raw_input_contents",
        )
    others = sorted({each.name for each in _FIELDS.values()} - {field.name})
    if wrong := [other for other in others if len(getattr(contents, other))]:
        raise InvalidInput(
            f"the contents of the input '{name}' are in the wrong field",
            expected=f"{field.name} for {datatype}", given=", ".join(wrong),
        )  # fmt: skip
    values = getattr(contents, field.name)
    count = math.prod(shape)
    if len(values) != count:
        raise InvalidInput(
            f"the contents of the input '{name}' have the wrong number of elements",
            expected=f"{count} elements for {list(shape)}", given=f"{len(values)} elements",
        )  # fmt: skip
    tensor = np.fromiter(values, field.dtype, count)
    return _narrowed(name, datatype, tensor).reshape(shape)


def contents_of(datatype: WireDatatype, tensor: NDArray[Any]) -> InferTensorContents:
    """The typed contents of an output; its datatype has a field."""
    return InferTensorContents(**{_FIELDS[datatype].name: tensor.ravel().tolist()})


def _narrowed(name: str, datatype: WireDatatype, tensor: NDArray[Any]) -> NDArray[Any]:
    """The tensor in the dtype of its datatype, which may have fewer bits than its field."""
    dtype = WIRE_DTYPES[datatype]
    if tensor.dtype == dtype:
        return tensor
    range_ = np.iinfo(dtype)
    if tensor.size and (tensor.min() < range_.min or tensor.max() > range_.max):
        raise InvalidInput(
            f"the input '{name}' has an element that {datatype} cannot hold",
            expected=f"whole numbers from {range_.min} to {range_.max}",
            given=f"{tensor.min() if tensor.min() < range_.min else tensor.max()}",
        )
    return tensor.astype(dtype)
