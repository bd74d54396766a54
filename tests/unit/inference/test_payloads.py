from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.payloads import NUMPY_DTYPES, Answer, Datatype, Target, TensorSpec

datatypes = st.sampled_from(sorted(NUMPY_DTYPES))
shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)


def test_every_datatype_but_bf16_has_a_numpy_dtype_of_its_own() -> None:
    assert set(get_args(Datatype)) == set(NUMPY_DTYPES)
    assert len(set(NUMPY_DTYPES.values())) == len(NUMPY_DTYPES) - 1
    assert NUMPY_DTYPES["BF16"] == NUMPY_DTYPES["FP32"]


@given(datatype=datatypes, shape=shapes, data=st.data())
def test_a_tensor_of_the_right_datatype_fits_where_minus_one_stands_for_any_length(
    datatype: Datatype, shape: tuple[int, ...], data: st.DataObject
) -> None:
    wanted = tuple(data.draw(st.sampled_from([-1, length])) for length in shape)
    assert TensorSpec("x", datatype, wanted).accepts(np.zeros(shape, NUMPY_DTYPES[datatype]))


@given(wanted=datatypes, given_=datatypes)
def test_a_tensor_of_another_datatype_never_fits(wanted: Datatype, given_: Datatype) -> None:
    held = {"BF16": "FP32"}
    fits = held.get(wanted, wanted) == held.get(given_, given_)
    assert TensorSpec("x", wanted, (-1,)).accepts(np.zeros(1, NUMPY_DTYPES[given_])) == fits


@pytest.mark.parametrize("shape", [(), (3,), (3, 5), (3, 4, 1)])
def test_a_tensor_of_another_shape_does_not_fit(shape: tuple[int, ...]) -> None:
    assert not TensorSpec("x", "FP32", (-1, 4)).accepts(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("record", "name"), [(TensorSpec("x", "FP32", (-1,)), "name"), (Answer("m", "1", {}), "model"), (Target(), "pin")]
)
def test_what_travels_along_the_line_is_frozen(record: object, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(record, name, "changed")
