from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import WIRE_DTYPES
from plimsoll.rpc.open_inference_pb2 import InferTensorContents
from plimsoll.rpc.tensor_contents import array_of_contents, contents_of, has_contents

NUMBERS = [name for name in WIRE_DTYPES if has_contents(name) and name != "BYTES"]


@given(st.data())
def test_a_tensor_comes_back_as_it_was(data: st.DataObject) -> None:
    datatype = data.draw(st.sampled_from(NUMBERS))
    shape = data.draw(arrays.array_shapes(max_dims=3, max_side=4))
    tensor = data.draw(arrays.arrays(WIRE_DTYPES[datatype], shape))
    contents = InferTensorContents.FromString(contents_of(datatype, tensor).SerializeToString())
    back = array_of_contents("x", datatype, shape, contents)
    assert back.dtype == tensor.dtype
    np.testing.assert_array_equal(back, tensor)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6))
def test_elements_of_bytes_come_back_as_they_were(elements: list[bytes]) -> None:
    tensor: Any = np.empty((len(elements), 1), np.object_)
    tensor[:, 0] = elements
    back = array_of_contents("x", "BYTES", tensor.shape, contents_of("BYTES", tensor))
    assert back.ravel().tolist() == elements


def test_two_datatypes_have_no_field() -> None:
    assert [name for name in WIRE_DTYPES if not has_contents(name)] == ["FP16", "BF16"]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (InferTensorContents(), "wrong number of elements"),
        (InferTensorContents(int_contents=[1, 2, 3]), "wrong number of elements"),
        (InferTensorContents(int_contents=[1, 2], fp32_contents=[1]), "wrong field"),
        (InferTensorContents(int_contents=[1, 128]), "cannot hold"),
        (InferTensorContents(int_contents=[-129, 1]), "cannot hold"),
    ],
)
def test_contents_that_do_not_fit_are_refused(contents: InferTensorContents, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        array_of_contents("x", "INT8", (1, 2), contents)
