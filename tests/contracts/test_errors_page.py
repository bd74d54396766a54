"""docs/errors.md knows every error that a client can get, and what to do about it."""

from __future__ import annotations

import re

import pytest

from tests.contracts.errors_page import MEANINGS, REMEDIES, answers, codes, own_codes


def test_every_error_has_a_remedy_and_every_remedy_an_error() -> None:
    assert set(REMEDIES) == set(codes()), "an error that clients get has its remedy in tests/contracts/errors_page.py"
    assert set(MEANINGS) <= set(codes())


def test_the_codes_of_single_errors_are_found() -> None:
    assert set(codes()) >= {"empty_body", "model_not_found", "version_not_found"}
    source = """raise NotFound("no", code="one" if few else "another")\nStrange("no", code="third")"""
    assert list(own_codes(source)) == [("NotFound", "one"), ("NotFound", "another")]


def test_what_only_operators_and_metrics_see_is_no_answer() -> None:
    assert not {"client_gone", "bad_request", "unavailable"} & set(codes())


@pytest.mark.parametrize("code", codes())
def test_a_remedy_names_the_retry_after_that_the_answer_has(code: str) -> None:
    assert ("Retry-After" in REMEDIES[code]) == (codes()[code].retry_after_seconds is not None)


def test_the_page_and_its_rows_agree_on_when_to_ask_again() -> None:
    """The page says: after `Retry-After`, after 408, and once after `internal`."""
    again = {code for code in codes() if re.search(r"(?<!Do not )\bask again\b", REMEDIES[code], re.IGNORECASE)}
    after_a_while = {code for code, error in codes().items() if error.retry_after_seconds is not None}
    too_slow = {code for code, error in codes().items() if error.status == 408}
    assert again == after_a_while | too_slow | {"internal"}


def test_every_row_is_sentences_without_a_column_of_their_own() -> None:
    for row in answers():
        assert all(text.endswith(".") and "|" not in text for text in (row.meaning, row.remedy)), row
