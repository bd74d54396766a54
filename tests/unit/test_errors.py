from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll import errors
from plimsoll.errors import BundleError, InvalidInput, NotFound, PlimsollError
from plimsoll.quoting import quote

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PlimsollError)]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^ {4}([│├└─ ]*)(\w+)(?: {2,}(\d{3}))?", errors.__doc__ or "", re.MULTILINE)
    assert {name for _, name, _ in drawn} == {each.__name__ for each in CLASSES}
    for indent, name, status in drawn:
        depth = len(indent) // 4
        error = getattr(errors, name)
        assert len(error.__mro__) - len(PlimsollError.__mro__) == depth, name
        if status:
            assert error.status == int(status), name


@pytest.mark.parametrize("error", CLASSES)
def test_every_class_has_a_status_a_code_and_a_docstring(error: type[PlimsollError]) -> None:
    assert 400 <= error.status < 600
    assert re.fullmatch(r"[a-z_]+", error.code)
    assert error.__doc__


def test_an_error_keeps_what_it_was_told() -> None:
    error = InvalidInput("wrong", expected="4 numbers", given="5 numbers", index=2)
    assert str(error) == error.message == "wrong"
    assert (error.expected, error.given, error.index, error.code) == ("4 numbers", "5 numbers", 2, "invalid_input")


def test_a_code_of_its_own_holds_for_one_error_only() -> None:
    assert NotFound("no", code="model_not_found").code == "model_not_found"
    assert NotFound("no").code == NotFound.code == "not_found"


def test_a_bundle_error_names_its_check() -> None:
    error = BundleError("golden", "it is off")
    assert (error.check, error.message, error.status) == ("golden", "it is off", 500)


@pytest.mark.parametrize(
    ("words", "quoted"),
    [("", "''"), ("abc", "'abc'"), ("x" * 8, f"'{'x' * 8}'"), ("x" * 9, f"'{'x' * 8}…'")],
)
def test_a_quotation_is_cut_where_it_is_long(words: str, quoted: str) -> None:
    assert quote(words, 8) == quoted


half_characters = st.sampled_from(["\ud800", "\udfff"])  # JSON can escape them, UTF-8 cannot hold them


@given(words=st.lists(st.text() | half_characters).map("".join), longest=st.integers(1, 100))
def test_a_quotation_is_never_long_and_always_text_that_can_be_sent(words: str, longest: int) -> None:
    quoted = quote(words, longest)
    assert len(quoted) <= longest + 3
    quoted.encode()
