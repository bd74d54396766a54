from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.padding import Padding, own_places
from plimsoll.inference.payloads import TensorSpec

IDS = TensorSpec("ids", "INT64", (-1, -1))
PICTURES = TensorSpec("pictures", "FP32", (-1, 2, -1, 3))
WEIGHT = TensorSpec("weight", "FP32", (-1,))
MASK = TensorSpec("mask", "BOOL", (-1, -1))
PADDING = Padding((IDS, PICTURES, WEIGHT, MASK), (4, 8, 16), {"ids": 9, "pictures": -1.5}, "mask")


def rows_of(length: int, count: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "ids": rng.integers(0, 9, (count, length)),
        "pictures": rng.random((count, 2, length, 3), np.float32),
        "weight": rng.random(count, np.float32),
    }


@pytest.mark.parametrize(("length", "bucket"), [(1, 4), (4, 4), (5, 8), (8, 8), (9, 16), (16, 16)])
def test_a_row_is_filled_up_to_the_next_length(length: int, bucket: int) -> None:
    assert PADDING.bucket(length) == bucket
    assert PADDING.longest == 16


def test_the_shapes_of_a_length_are_those_of_every_input() -> None:
    assert PADDING.shapes(8) == ((8,), (2, 8, 3), (), (8,))


@given(length=st.integers(1, 16), target=st.integers(0, 16), with_mask=st.booleans(), seed=st.integers(0, 99))
def test_padded_rows_begin_with_the_row_and_go_on_with_the_values(
    length: int, target: int, with_mask: bool, seed: int
) -> None:
    target = max(length, target)
    given_rows = rows_of(length, seed=seed)
    mask = np.arange(length) % 2 == 0
    if with_mask:
        given_rows["mask"] = np.stack([mask, ~mask])
    padded = PADDING.padded(given_rows, target)
    assert {name: tensor.dtype for name, tensor in padded.items()} == {s.name: s.dtype for s in PADDING.inputs}
    assert [tensor.shape[1:] for tensor in padded.values()] == list(PADDING.shapes(target))
    for spec in PADDING.inputs:
        if spec.name in given_rows:
            assert np.array_equal(own_places(spec, padded[spec.name], length), given_rows[spec.name])
    assert (padded["ids"][:, length:] == 9).all()
    assert (padded["pictures"][:, :, length:] == -1.5).all()
    assert not padded["mask"][:, length:].any()
    assert with_mask or padded["mask"][:, :length].all()


def test_rows_of_different_lengths_are_written_next_to_each_other() -> None:
    batch = PADDING.padded(rows_of(4), 4)
    PADDING.write(batch, slice(0, 1), rows_of(1, 1, seed=3), 1)
    assert batch["mask"].tolist() == [[True, False, False, False], [True] * 4]
    assert batch["ids"][0, 1:].tolist() == [9, 9, 9]
    assert np.array_equal(batch["ids"][1], rows_of(4)["ids"][1])


@pytest.mark.parametrize("length", [1, 3, 7])
def test_repeated_rows_have_no_padding(length: int) -> None:
    given_rows = {**rows_of(3), "mask": np.zeros((2, 3), bool)}
    made = PADDING.repeated(given_rows, length)
    assert made["ids"].tolist() == [[row[place % 3] for place in range(length)] for row in given_rows["ids"].tolist()]
    assert made["pictures"].shape == (2, 2, length, 3)
    assert made["mask"].all()
    assert made["weight"] is given_rows["weight"]


def test_lengths_are_those_of_the_inputs_that_are_there() -> None:
    assert PADDING.length_of(rows_of(5)) == {"ids": 5, "pictures": 5}
