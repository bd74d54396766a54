"""Tests that a library's error about a wrong variable becomes a sentence for operators."""

from __future__ import annotations

import re

import pytest
from plimsoll.errors import OperatorError
from plimsoll.telemetry.library_refusals import refusals_of_libraries


@pytest.mark.parametrize("raised", [ValueError("invalid literal: 'many'"), re.error("unbalanced parenthesis")])
def test_what_a_library_raises_becomes_a_sentence_that_names_the_variables(raised: Exception) -> None:
    sentence = r"^tracing cannot be set up: .*; correct the OTEL_\* variable$"
    with pytest.raises(OperatorError, match=sentence) as caught, refusals_of_libraries():
        raise raised
    assert str(raised) in caught.value.message


def test_any_other_error_is_left_alone() -> None:
    with pytest.raises(ZeroDivisionError), refusals_of_libraries():
        raise ZeroDivisionError
