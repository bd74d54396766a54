"""`holds_more` against Python's own reading of the same JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.tasks.json_values import holds_more

awkward = st.text(alphabet='a,[]{}":\\\n\u00e9\u7528', max_size=12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | awkward,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(awkward, inner, max_size=4),
    max_leaves=20,
)


def commas_and_brackets(value: object) -> tuple[int, int]:
    """How many commas and opening brackets JSON needs for a value."""
    if isinstance(value, list | dict):
        inner = [commas_and_brackets(each) for each in (value.values() if isinstance(value, dict) else value)]
        commas = sum(each[0] for each in inner) + max(0, len(inner) - 1)
        return commas, sum(each[1] for each in inner) + isinstance(value, list)
    return 0, 0


@given(document=documents, ascii_only=st.booleans(), most=st.integers(0, 12))
def test_what_stands_in_strings_does_not_count(document: object, ascii_only: bool, most: int) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only).encode()
    commas, brackets = commas_and_brackets(document)
    assert holds_more(text, b",", most) == (commas > most)
    assert holds_more(text, b"[", most) == (brackets > most)


@given(text=st.binary(max_size=60) | st.text('",[\\', max_size=60).map(str.encode), most=st.integers(0, 5))
def test_what_is_not_json_is_counted_without_a_complaint(text: bytes, most: int) -> None:
    assert holds_more(text, b",", most) <= (text.count(b",") > most)


@pytest.mark.parametrize("text", [b'"' * 100_000 + b"," * 100, b'"\\' * 100_000 + b"," * 100])
def test_a_text_of_quotes_alone_is_counted_too(text: bytes) -> None:
    assert holds_more(text, b",", 50) in (True, False)
