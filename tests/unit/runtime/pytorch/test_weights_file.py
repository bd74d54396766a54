"""Weights are read into the memory that a module has already, tensor by tensor."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.checked_file import CheckedFile
from plimsoll.errors import BundleError
from plimsoll.runtime.pytorch.weights_file import load_weights
from safetensors.torch import save
from torch import Tensor, nn

DATATYPES = [
    torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.int16, torch.int32,
    torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.float8_e4m3fn,
    torch.float8_e5m2,
]  # fmt: skip


class Holder(nn.Module):
    """Holds tensors under their names, and computes nothing."""

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


def load(module: nn.Module, content: bytes) -> None:
    load_weights(module, CheckedFile(io.BytesIO(content), len(content)), "w.safetensors")


def refusal(module: nn.Module, content: bytes) -> BundleError:
    with pytest.raises(BundleError) as caught:
        load(module, content)
    assert caught.value.check == "weights"
    return caught.value


def packed(header: object, tensors: bytes = b"") -> bytes:
    document = json.dumps(header).encode()
    return struct.pack("<Q", len(document)) + document + tensors


@pytest.mark.parametrize("datatype", DATATYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)])
def test_a_tensor_of_every_datatype_comes_back_as_it_was_saved_in_the_memory_of_the_module(
    datatype: torch.dtype, shape: tuple[int, ...]
) -> None:
    bits = torch.randint(0, 2, (*shape, datatype.itemsize), dtype=torch.uint8)
    wanted = bits.to(torch.bool).reshape(shape) if datatype is torch.bool else bits.view(datatype).reshape(shape)
    module = Holder(a=torch.zeros(shape, dtype=datatype))
    place = module.get_buffer("a").data_ptr()
    load(module, save({"a": wanted}))
    loaded = module.get_buffer("a")
    assert loaded.data_ptr() == place
    assert loaded.dtype == datatype
    assert loaded.reshape(-1).view(torch.uint8).tolist() == wanted.reshape(-1).view(torch.uint8).tolist()


def test_weights_are_converted_to_the_datatype_and_layout_of_the_module() -> None:
    wanted = torch.randn(4, 3)
    module = Holder(shorter=torch.zeros(4, 3, dtype=torch.float16), turned=torch.zeros(3, 4).t())
    load(module, save({"shorter": wanted, "turned": wanted.bfloat16()}))
    assert torch.equal(module.get_buffer("shorter"), wanted.half())
    assert torch.equal(module.get_buffer("turned"), wanted.bfloat16().float())


@given(names=st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True), data=st.data())
def test_the_order_in_the_file_does_not_matter(names: list[str], data: st.DataObject) -> None:
    sizes = {name: data.draw(st.integers(0, 5)) for name in names}
    wanted = {name: torch.randn(size) for name, size in sizes.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    content = b""
    for name in data.draw(st.permutations(names)):
        raw = wanted[name].numpy().tobytes()
        header[name] = {
            "dtype": "F32", "shape": [sizes[name]], "data_offsets": [len(content), len(content) + len(raw)],
        }  # fmt: skip
        content += raw
    module = Holder(**{name: torch.zeros(size) for name, size in sizes.items()})
    load(module, packed(header, content))
    assert all(torch.equal(module.get_buffer(name), tensor) for name, tensor in wanted.items())


def test_of_tied_weights_the_file_needs_only_one() -> None:
    tied = nn.ModuleDict({"a": nn.Linear(3, 3, bias=False), "b": nn.Linear(3, 3, bias=False)})
    tied["b"].weight = tied["a"].weight
    wanted = torch.randn(3, 3)
    load(tied, save({"b.weight": wanted}))
    assert torch.equal(tied["a"].weight, wanted)  # type: ignore[arg-type]
    loose = nn.ModuleDict({"a": nn.Linear(3, 3, bias=False), "b": nn.Linear(3, 3, bias=False)})
    assert "Missing key(s)" in refusal(loose, save({"b.weight": wanted})).detail


def test_a_module_that_brings_old_names_up_to_date_still_can() -> None:
    class Renamed(Holder):
        def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
            state_dict[f"{prefix}new"] = state_dict.pop(f"{prefix}old")
            super()._load_from_state_dict(state_dict, prefix, *rest)

    module = Renamed(new=torch.zeros(2))
    load(module, save({"old": torch.ones(2)}))
    assert torch.equal(module.get_buffer("new"), torch.ones(2))


def test_what_a_module_raises_while_it_takes_its_weights_is_its_detail() -> None:
    class Exits(Holder):
        def _load_from_state_dict(self, *_: Any) -> None:
            raise SystemExit("at /srv/secret")

    error = refusal(Exits(a=torch.zeros(1)), save({"a": torch.zeros(1)}))
    assert error.message == "w.safetensors does not fit the architecture: it raised SystemExit"
    assert error.detail == "at /srv/secret"


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it does not begin with the length of a header"),
        (b"\x00" * 8, "it does not begin with the length of a header"),
        (b"\xff" * 100, "it does not begin with the length of a header"),
        (struct.pack("<Q", 5) + b"{}", "it does not begin with the length of a header"),
        (packed([]), "its header does not list tensors by name"),
        (packed({"a": 1}), "its header does not list tensors by name"),
        (packed({"a": {**ONE, "shape": [-1]}}, bytes(4)), "its header does not list tensors by name"),
        (packed({"a": {**ONE, "data_offsets": [0]}}, bytes(4)), "its header does not list tensors by name"),
        (packed({"a": {**ONE, "more": 1}}, bytes(4)), "its header does not list tensors by name"),
        (struct.pack("<Q", 4) + b"\xff{}}", "its header does not list tensors by name"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "its header does not list tensors by name"),
        (
            packed({"a": {**ONE, "dtype": "F6_E2M3"}}, bytes(4)),
            "it holds tensors of the datatype F6_E2M3, which torch does not have",
        ),
        (packed({"a": ONE}, bytes(5)), "it is longer or shorter than its header says"),
        (packed({"a": ONE}, bytes(3)), "it is longer or shorter than its header says"),
        (packed({}, bytes(3)), "it is longer or shorter than its header says"),
        (
            packed({"a": {**ONE, "data_offsets": [4, 8]}}, bytes(8)),
            "its header places tensors where their bytes cannot be",
        ),
        (packed({"a": ONE, "b": ONE}, bytes(4)), "its header places tensors where their bytes cannot be"),
        (packed({"a": {**ONE, "shape": [2]}}, bytes(4)), "its header places tensors where their bytes cannot be"),
        (
            packed({"a": {**ONE, "shape": [1 << 62, 1 << 62]}}, bytes(4)),
            "its header places tensors where their bytes cannot be",
        ),
        (
            packed({"a": {**ONE, "data_offsets": [4, 0]}}, bytes(4)),
            "its header places tensors where their bytes cannot be",
        ),
    ],
)
def test_a_file_that_is_not_safetensors_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    assert refusal(Holder(a=torch.zeros(1)), content).message == f"w.safetensors is not a safetensors file: {reason}"


@given(flip=st.integers(0, 10_000), bits=st.integers(1, 255))
def test_whatever_byte_is_wrong_the_file_is_read_or_refused(flip: int, bits: int) -> None:
    content = bytearray(save({"a": torch.ones(3), "b": torch.ones(2, 2, dtype=torch.float16)}))
    content[flip % len(content)] ^= bits
    with contextlib.suppress(BundleError):  # and nothing else is raised
        load(Holder(a=torch.zeros(3), b=torch.zeros(2, 2, dtype=torch.float16)), bytes(content))


def test_a_file_that_ends_while_it_is_read_is_refused() -> None:
    content = save({"a": torch.ones(3)})
    with pytest.raises(BundleError, match=r"w\.safetensors ended while it was read"):
        load_weights(Holder(a=torch.zeros(3)), CheckedFile(io.BytesIO(content[:-4]), len(content)), "w.safetensors")
