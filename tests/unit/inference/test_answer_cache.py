"""Two inputs have the same key where they are the same numbers for the same bundle, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from plimsoll.inference.answer_cache import cache_key

INPUTS: dict[str, np.ndarray[Any, Any]] = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
KEY = cache_key("tiny", "1", "abc", INPUTS)


def test_the_same_input_has_the_same_key_of_32_bytes() -> None:
    assert cache_key("tiny", "1", "abc", {"x": INPUTS["x"].copy()}) == KEY
    assert len(KEY) == 32


@pytest.mark.parametrize(
    ("model", "version", "digest"),
    [("other", "1", "abc"), ("tiny", "2", "abc"), ("tiny", "1", "abd"), ("tiny1", "", "abc"), ("tin", "y1", "abc")],
)
def test_each_model_version_and_bundle_has_keys_of_its_own(model: str, version: str, digest: str) -> None:
    assert cache_key(model, version, digest, INPUTS) != KEY


@pytest.mark.parametrize(
    "inputs",
    [
        {"y": INPUTS["x"]},
        {"x": INPUTS["x"].reshape(3, 2)},
        {"x": INPUTS["x"].ravel()},
        {"x": INPUTS["x"].view(np.int32)},
        {"x": INPUTS["x"].astype(np.float64)},
        {"x": INPUTS["x"][:1]},
        {"x": -INPUTS["x"]},
        {"x": INPUTS["x"], "y": INPUTS["x"]},
        {},
    ],
    ids=["name", "shape", "flat", "datatype of as many bytes", "datatype", "fewer rows", "numbers", "two", "none"],
)
def test_whatever_differs_in_the_input_differs_in_the_key(inputs: dict[str, np.ndarray[Any, Any]]) -> None:
    assert cache_key("tiny", "1", "abc", inputs) != KEY


def test_how_an_array_lies_in_memory_makes_no_difference() -> None:
    assert cache_key("tiny", "1", "abc", {"x": np.asfortranarray(INPUTS["x"])}) == KEY


def test_the_edge_between_two_tensors_counts() -> None:
    numbers = np.arange(4, dtype=np.uint8)
    cut = [{"a": numbers[:at], "b": numbers[at:]} for at in range(5)]
    assert len({cache_key("tiny", "1", "abc", inputs) for inputs in cut}) == 5


FLOATS = arrays.arrays(np.float32, arrays.array_shapes(max_dims=2, max_side=3))


@given(FLOATS, FLOATS)
def test_keys_are_equal_where_bits_and_shapes_are(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> None:
    same = first.shape == second.shape and first.tobytes() == second.tobytes()
    assert (cache_key("m", "1", "d", {"x": first}) == cache_key("m", "1", "d", {"x": second})) == same


@given(st.text(max_size=5), st.text(max_size=5))
def test_any_names_can_be_keyed(model: str, name: str) -> None:
    assert len(cache_key(model.replace("\ud800", ""), "1", "d", {name: INPUTS["x"]})) == 32
