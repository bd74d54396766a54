from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.tasks.plain_json import plain_json

FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(1 << 63), (1 << 64) - 1)
JSON = st.recursive(
    st.none() | st.booleans() | FINITE | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)  # fmt: skip


@given(value=JSON)
def test_json_stays_as_it_is(value: Any) -> None:
    assert plain_json(value) == value


def test_arrays_scalars_and_tuples_become_lists_and_numbers() -> None:
    value = {
        "array": np.array([[1, 2]], np.float16), "scalar": np.int8(3), "pair": (True, None), "text": np.str_("a"),
    }  # fmt: skip
    assert plain_json(value) == {"array": [[1, 2]], "scalar": 3, "pair": [True, None], "text": "a"}


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (float("nan"), "nan, and JSON has finite numbers only"),
        ({"scores": np.array([1, np.inf])}, "inf, and JSON has finite numbers only"),
        ({1, 2}, "a set, which is no JSON value"),
        (b"x", "a bytes, which is no JSON value"),
        (np.datetime64("2026-01-01"), "a date, which is no JSON value"),
        ({1: "a"}, "an object with a name that is not a text"),
        ("\ud800", "a value that JSON cannot hold"),
        (1 << 80, "a value that JSON cannot hold"),
        (deep(100_000), "values nested deeper than 64"),
    ],
    ids=["nan", "infinity", "set", "bytes", "date", "name", "half a character", "huge", "deep"],
)
def test_what_is_no_json_is_refused_by_name(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        plain_json(value)


@given(value=st.recursive(JSON | st.binary() | st.complex_numbers() | st.floats(), st.lists, max_leaves=5))
def test_whatever_passes_can_be_sent(value: object) -> None:
    try:
        plain = plain_json(value)
    except ValueError:
        return
    assert json.loads(orjson.dumps(plain)) is not ...
