from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from plimsoll.quoting import quote


def test_words_are_quoted_and_long_ones_cut() -> None:
    assert quote("digits") == "'digits'"
    assert quote("x" * 65) == f"'{'x' * 64}…'"
    assert quote("abcdef", 3) == "'abc…'"


@given(text=st.text() | st.sampled_from(["\ud800", "a\udfff"]))
def test_whatever_is_quoted_can_be_sent(text: str) -> None:
    quote(text).encode()
