from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype
from plimsoll.runtime.drawn_rows import ROWS, InputKind, drawn_examples, needs_maximum

TYPES: list[Datatype] = ["BOOL", "UINT8", "INT32", "INT64", "FP16", "FP32", "FP64"]


@given(st.sampled_from(TYPES), st.lists(st.one_of(st.none(), st.integers(1, 5)), max_size=3))
def test_rows_have_the_datatype_and_the_shape_and_lie_within_the_bounds(
    datatype: Datatype, row: list[int | None]
) -> None:
    kind = InputKind("x", datatype, [None, *row])
    examples = drawn_examples([kind], {"x": 2.0}, {"x": 100.0})
    assert len(examples) == (2 if None in row else 1)
    for example in examples:
        tensor = example["x"]
        assert (tensor.dtype, len(tensor)) == (NUMPY_DTYPES[datatype], ROWS)
        assert all(want in (None, have) for want, have in zip(row, tensor.shape[1:], strict=True))
        assert datatype == "BOOL" or (tensor.min() >= 2 and tensor.max() <= 100)
    assert len({example["x"].shape for example in examples}) == len(examples)


def test_the_same_rows_are_drawn_each_time_and_floats_need_no_bounds() -> None:
    kinds = [InputKind("x", "FP32", [None, 4])]
    once, again = drawn_examples(kinds, {}, {}), drawn_examples(kinds, {}, {})
    np.testing.assert_array_equal(once[0]["x"], again[0]["x"])
    assert once[0]["x"].min() < 0 < once[0]["x"].max()
    assert drawn_examples(kinds, {"x": 0.0}, {})[0]["x"].min() == 0


def test_whole_numbers_need_their_largest_and_a_mask_is_all_ones() -> None:
    ids, mask = InputKind("input_ids", "INT64", [None, None]), InputKind("attention_mask", "INT64", [None, None])
    assert (needs_maximum(ids), needs_maximum(mask)) == (True, False)
    with pytest.raises(BundleError, match=r"cannot be drawn.*give --maximum input_ids=NUMBER"):
        drawn_examples([ids, mask], {}, {})
    first, second = drawn_examples([ids, mask], {}, {"input_ids": 9})
    assert (first["input_ids"].shape, second["input_ids"].shape) == ((ROWS, 5), (ROWS, 12))
    assert first["attention_mask"].min() == 1
    assert 0 <= first["input_ids"].min() <= first["input_ids"].max() <= 9
