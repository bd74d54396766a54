from __future__ import annotations

import struct
from typing import Any, get_args

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput
from plimsoll.fronts.raw_tensors import array_of, bytes_of, element_bytes
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype

EXACT = [datatype for datatype in get_args(Datatype) if datatype != "BF16"]
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@pytest.mark.parametrize("datatype", EXACT)
@given(data=st.data())
def test_a_tensor_comes_back_from_its_bytes(datatype: Datatype, data: st.DataObject) -> None:
    tensor = data.draw(arrays.arrays(NUMPY_DTYPES[datatype], SHAPES))
    raw = bytes_of(datatype, tensor)
    assert len(raw) == tensor.size * element_bytes(datatype)
    again = array_of("x", datatype, tensor.shape, memoryview(raw))
    assert again.dtype == tensor.dtype
    np.testing.assert_array_equal(again, tensor)


@given(numbers=st.lists(st.floats(width=32), max_size=20))
def test_bf16_is_rounded_as_torch_rounds_it(numbers: list[float]) -> None:
    tensor = np.array(numbers, np.float32)
    by_torch = torch.from_numpy(tensor.copy()).to(torch.bfloat16)
    again = array_of("x", "BF16", tensor.shape, memoryview(bytes_of("BF16", tensor)))
    np.testing.assert_array_equal(again, by_torch.float().numpy())


@given(elements=st.lists(st.binary(max_size=12), max_size=6))
def test_bytes_come_back_from_their_bytes(elements: list[bytes]) -> None:
    tensor = np.empty(len(elements), np.object_)
    tensor[:] = elements
    raw = bytes_of("BYTES", tensor)
    assert raw == b"".join(struct.pack("<I", len(each)) + each for each in elements)
    assert array_of("x", "BYTES", (len(elements),), memoryview(raw)).tolist() == elements


def test_bytes_are_little_endian_whatever_the_machine_is() -> None:
    assert bytes_of("INT32", np.array([1], ">i4")) == b"\x01\0\0\0"
    assert array_of("x", "UINT16", (1,), memoryview(b"\x01\x02")).tolist() == [0x201]


@pytest.mark.parametrize(
    ("datatype", "shape", "raw", "sentence"),
    [
        ("FP32", (1, 2), b"\0" * 7, "the input 'x' has the wrong number of bytes"),
        ("FP32", (1, 2), b"\0" * 9, "the input 'x' has the wrong number of bytes"),
        ("FP64", (1 << 40, 1 << 40), b"", "the input 'x' has the wrong number of bytes"),
        ("BOOL", (2,), b"\x01\x02", "the input 'x' holds a byte that is no BOOL"),
        ("BYTES", (1,), b"\x01\0", "the input 'x' is cut short at element 0"),
        ("BYTES", (2,), b"\x01\0\0\0a\x05\0\0\0abc", "the input 'x' is cut short at element 1"),
        ("BYTES", (1,), b"\xff\xff\xff\xff", "the input 'x' is cut short at element 0"),
        ("BYTES", (1,), b"\0\0\0\0\0", "the input 'x' goes on after its last element"),
    ],
)
def test_bytes_that_do_not_fit_get_a_sentence_of_their_own(
    datatype: Any, shape: tuple[int, ...], raw: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        array_of("x", datatype, shape, memoryview(raw))
    assert caught.value.message == sentence
    assert caught.value.expected
