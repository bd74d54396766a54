"""The names that a user's task imports."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.own_task import InvalidRow, Setup, number, text

from tests.doubles.own_tasks import Letters

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -2 <= value <= 5


@given(value=JSON)
def test_a_number_is_a_finite_one_within_its_bounds_or_refused(value: Any) -> None:
    if is_number(value):
        assert number({"x": value}, "x", minimum=-2, maximum=5) == value
        return
    with pytest.raises(InvalidRow) as caught:
        number({"x": value}, "x", minimum=-2, maximum=5)
    assert caught.value.expected == "a number from -2 to 5"
    assert len(caught.value.given or "") <= 65


@given(value=JSON)
def test_a_text_is_one_of_the_choices_or_refused(value: Any) -> None:
    if value in ("a", "b"):
        assert text({"x": value}, "x", choices=("a", "b")) == value
        return
    with pytest.raises(InvalidRow) as caught:
        text({"x": value}, "x", choices=("a", "b"))
    assert caught.value.expected == "one of: a, b"
    assert len(caught.value.given or "") <= 65


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidRow, match="the field 'x' is missing"):
        number({}, "x")
    with pytest.raises(InvalidRow, match="the field 'y' is missing"):
        text({"x": "a"}, "y")


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 10**400])
def test_a_number_without_bounds_is_finite_still(value: float) -> None:
    with pytest.raises(InvalidRow):
        number({"x": value}, "x")


def test_a_task_can_be_tried_without_a_bundle() -> None:
    task = Letters(Setup(labels={"output": ("a", "b")}))
    assert task.read({"a": 0, "b": 1, "c": 2, "d": 3}) == {"input": [0, 1, 2, 3]}
    with pytest.raises(FileNotFoundError, match="of no bundle"):
        task.setup.read_file("vocabulary.txt")


def test_it_imports_neither_torch_nor_http() -> None:
    names = "('torch', 'fastapi', 'starlette', 'uvicorn', 'onnxruntime', 'numpy')"
    script = f"import sys, plimsoll.own_task; print([each for each in {names} if each in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "[]\n"
