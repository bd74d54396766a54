"""Reads a safetensors file into a module, tensor by tensor and without a second copy of the weights."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from torch import Tensor, nn

from plimsoll.bundle.checked_file import CheckedFile
from plimsoll.errors import BundleError
from plimsoll.runtime.foreign_code import foreign_code

LONGEST_HEADER = 100_000_000
_DATATYPES: Mapping[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "U16": torch.uint16,
    "U32": torch.uint32,
    "U64": torch.uint64,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "C64": torch.complex64,
}
_Length = Annotated[int, Field(ge=0)]


class _Entry(BaseModel):
    """One tensor of the header; `data_offsets` count bytes from the end of the header."""

    model_config = ConfigDict(strict=True, extra="forbid")

    dtype: str
    shape: list[_Length]
    data_offsets: Annotated[list[_Length], Field(min_length=2, max_length=2)]

    def fits(self, start: int) -> bool:
        """Whether its bytes begin there and are as many as its shape needs."""
        first, end = self.data_offsets
        return first == start and end - first == math.prod(self.shape) * _DATATYPES[self.dtype].itemsize


_HEADER = TypeAdapter(dict[str, _Entry])


def load_weights(module: nn.Module, file: CheckedFile, name: str) -> None:
    """Read every tensor of a safetensors file into the module.

    A tensor whose name and shape are those of a parameter or buffer is read into the memory which that has already, so
    that loading needs no more than the module and one tensor. Then it calls `load_state_dict`, strictly; of
    tensors that share memory the file needs only one. Files are read from start to end, hence in their own order.

    Raises:
        BundleError: with check `weights`, when it is not a safetensors file, or does not fit the module. `name` is
            what messages call the file.
    """
    entries = _read_header(file, name)
    with foreign_code("weights", f"{name} does not fit the architecture"), torch.no_grad():
        slots = module.state_dict()
        given = {key: _read_tensor(file, entry, slots.get(key), name) for key, entry in entries.items()}
        module.load_state_dict({**given, **_shared(slots, given)}, strict=True)


def _read_header(file: CheckedFile, name: str) -> dict[str, _Entry]:
    """The tensors in the order of their bytes, which follow each other without a gap until the end of the file."""

    def refuse(reason: str) -> BundleError:
        return BundleError("weights", f"{name} is not a safetensors file: {reason}")

    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(LONGEST_HEADER, file.size - 8):
        raise refuse("it does not begin with the length of a header")
    try:
        fields = json.loads(file.read(length))
        if isinstance(fields, dict):
            fields.pop("__metadata__", None)
        entries = _HEADER.validate_python(fields)
    except (ValidationError, ValueError, RecursionError):
        raise refuse("its header does not list tensors by name") from None
    if unknown := sorted({entry.dtype for entry in entries.values()} - _DATATYPES.keys()):
        raise refuse(f"it holds tensors of the datatype {unknown[0][:20]}, which torch does not have")
    ordered = dict(sorted(entries.items(), key=lambda item: item[1].data_offsets))
    starts = itertools.chain([0], (entry.data_offsets[1] for entry in ordered.values()))
    if not all(entry.fits(start) for entry, start in zip(ordered.values(), starts, strict=False)):
        raise refuse("its header places tensors where their bytes cannot be")
    if 8 + length + max((entry.data_offsets[1] for entry in entries.values()), default=0) != file.size:
        raise refuse("it is longer or shorter than its header says")
    return ordered


def _read_tensor(file: CheckedFile, entry: _Entry, slot: object, name: str) -> Tensor:
    """The tensor that comes next: `slot` itself with new content, or one of its own where `slot` is something else."""
    datatype = _DATATYPES[entry.dtype]
    if not isinstance(slot, Tensor) or list(slot.shape) != entry.shape:
        return _fill(file, torch.empty(entry.shape, dtype=datatype), name)
    if slot.dtype == datatype and slot.device.type == "cpu" and slot.is_contiguous():
        return _fill(file, slot, name)
    return slot.copy_(_fill(file, torch.empty(entry.shape, dtype=datatype), name))


def _fill(file: CheckedFile, target: Tensor, name: str) -> Tensor:
    content = target.reshape(-1).view(torch.uint8).numpy().data
    if file.readinto(content) < len(content):
        raise BundleError("weights", f"{name} ended while it was read")
    return target


def _shared(slots: Mapping[str, object], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The slots without a tensor in the file whose memory is that of one which has one, as tied weights are."""
    filled = {_place(slot) for key, slot in slots.items() if key in given and isinstance(slot, Tensor)}
    return {
        key: slot
        for key, slot in slots.items()
        if key not in given and isinstance(slot, Tensor) and slot.numel() and _place(slot) in filled
    }


def _place(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()
