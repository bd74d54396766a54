from __future__ import annotations

from typing import Any, get_args

import hypothesis.extra.numpy as arrays
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput, ModelFailed
from plimsoll.fronts.json_tensors import array_of_json, json_of
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype, TensorSpec

WITH_JSON = [datatype for datatype in get_args(Datatype) if datatype != "BF16"]
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


@pytest.mark.parametrize("datatype", WITH_JSON)
@given(data=st.data())
def test_a_tensor_comes_back_from_flat_and_from_nested_json(datatype: Datatype, data: st.DataObject) -> None:
    dtype = NUMPY_DTYPES[datatype]
    tensor = data.draw(
        arrays.arrays(dtype, SHAPES, elements=arrays.from_dtype(dtype, allow_nan=False, allow_infinity=False))
    )
    spec = TensorSpec("x", datatype, tensor.shape)
    flat = orjson.loads(orjson.dumps(json_of(spec, tensor), option=orjson.OPT_SERIALIZE_NUMPY))
    np.testing.assert_array_equal(array_of_json("x", datatype, tensor.shape, flat), tensor)
    np.testing.assert_array_equal(array_of_json("x", datatype, tensor.shape, tensor.tolist()), tensor)


def test_texts_become_bytes_and_texts_again() -> None:
    texts = array_of_json("x", "BYTES", (2, 1), [["ä"], ["b"]])
    assert texts.tolist() == [["ä".encode()], [b"b"]]
    assert json_of(TensorSpec("x", "BYTES", (-1, 1)), texts) == ["ä", "b"]


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "what"),
    [
        ("BF16", (1,), [1.0], "has no form in JSON as BF16"),
        ("FP32", (2,), None, "has no list as its data"),
        ("FP32", (2,), {"a": 1}, "has no list as its data"),
        ("FP32", (2,), [1.0], "has the wrong number of elements"),
        ("FP32", (2, 2), [[1.0, 2.0], [3.0]], "has nested lists that do not fit its shape"),
        ("FP32", (2, 2), [[1.0, 2.0], 3.0], "has nested lists that do not fit its shape"),
        ("FP32", (2, 2), [[[1.0], 2.0], [3.0, 4.0]], "holds something else than FP32"),
        ("FP32", (1,), ["1"], "holds something else than FP32"),
        ("FP32", (1,), [True], "holds something else than FP32"),
        ("INT8", (1,), [1.5], "holds something else than INT8"),
        ("INT8", (1,), [128], "holds a number beyond INT8"),
        ("UINT64", (1,), [-1], "holds a number beyond UINT64"),
        ("BOOL", (1,), [1], "holds something else than BOOL"),
        ("BYTES", (1,), [1], "holds something else than BYTES"),
        ("BYTES", (1,), ["\ud800"], "holds half a character"),
    ],
)
def test_data_that_does_not_fit_gets_a_sentence_of_its_own(
    datatype: Any, shape: tuple[int, ...], data: object, what: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        array_of_json("x", datatype, shape, data)
    assert caught.value.message == f"the data of the input 'x' {what}"
    assert caught.value.expected
    assert caught.value.given


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_json_cannot_have_is_the_models_failure(number: float) -> None:
    with pytest.raises(ModelFailed, match="not finite"):
        json_of(TensorSpec("y", "FP32", (-1, 1)), np.array([[1], [number]], np.float32))


def test_an_output_without_json_says_that_binary_data_has_it() -> None:
    texts = np.empty(1, np.object_)
    texts[:] = [b"\xff"]
    for spec, tensor in (
        (TensorSpec("y", "BF16", (-1,)), np.ones(1, np.float32)), (TensorSpec("y", "BYTES", (-1,)), texts),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            json_of(spec, tensor)
        assert "binary_data true" in str(caught.value.expected)
