from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import TensorSpec
from plimsoll.tasks.column_options import columns_of

from tests.doubles.column_models import COLUMNS, OPTIONS, ROWS

NUMBER = {"name": "a", "kind": "number"}
CATEGORY = {"name": "c", "kind": "category", "values": ["x", "y"]}


def spec(width: int, **changes: Any) -> TensorSpec:
    return replace(ROWS, shape=(-1, width), **changes)


def test_without_the_option_there_are_no_columns() -> None:
    assert columns_of(ROWS, {}) is None


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({}, "is malformed: the list: Input should be a valid list"),
        ([], "is malformed: the list: List should have at least 1 item"),
        ([{"name": "a"}], "is malformed: column 0: Unable to extract tag"),
        ([{**NUMBER, "kind": "text"}], "does not match any of the expected tags: 'number', 'category'"),
        ([{"kind": "number"}], "is malformed: column 0.name: Field required"),
        ([{**NUMBER, "name": ""}], "is malformed: column 0.name: String should have at least 1 character"),
        ([{**NUMBER, "name": " a"}], "is malformed: column 0.name: it should neither begin nor end with a blank"),
        ([{**NUMBER, "name": "a\nb"}], "is malformed: column 0.name: it should hold printable characters alone"),
        ([{**NUMBER, "values": ["x"]}], "is malformed: column 0.values: Extra inputs are not permitted"),
        ([{**NUMBER, "missing": "x"}], "is malformed: column 0.missing: Input should be a valid number"),
        ([{**NUMBER, "minimum": 2, "maximum": 1}], "the minimum of 'a' lies above its maximum"),
        ([{**NUMBER, "minimum": 2, "missing": 1}], "a missing 'a' would become 1, which is out of its own bounds"),
        ([{**CATEGORY, "values": []}], "is malformed: column 0.values: List should have at least 1 item"),
        ([{**CATEGORY, "values": [True]}], "column 0.values.0: a text of 1 to 128 characters or a whole number"),
        ([{**CATEGORY, "values": [" x"]}], "column 0.values.0: it should neither begin nor end with a blank"),
        ([{**CATEGORY, "values": [1 << 60]}], "column 0.values.0: a text of 1 to 128 characters or a whole number"),
        ([{**CATEGORY, "values": ["1", 1]}], "'c' has the value '1' twice, as CSV would write it"),
        ([{**CATEGORY, "missing": "z"}], "a missing 'c' would become 'z', which is none of its values"),
        ([{**CATEGORY, "encoding": "hash"}], "is malformed: column 0.encoding: Input should be 'one-hot' or 'index'"),
        ([NUMBER, NUMBER], "names two columns 'a'"),
        (
            [NUMBER, CATEGORY],
            "makes rows of 3 numbers, and the input 'rows' takes 6; the columns give 'a' 1, 'c' 2",
        ),
    ],
)
def test_a_wrong_option_is_refused_by_what_is_wrong_with_it(columns: Any, fault: str) -> None:
    with pytest.raises(BundleError) as caught:
        columns_of(ROWS, {"columns": columns})
    assert caught.value.check == "task"
    assert caught.value.message.startswith("the option 'columns' ")
    assert fault in caught.value.message


def test_a_width_that_does_not_fit_names_only_the_first_columns() -> None:
    with pytest.raises(BundleError, match=r"'8' 1|'7' 1 and 12 more columns$"):
        columns_of(ROWS, {"columns": [{**NUMBER, "name": str(at)} for at in range(20)]})


@pytest.mark.parametrize(
    ("given", "columns", "fault"),
    [
        (spec(1, minimum=0.5), [{**CATEGORY, "encoding": "index"}], "gives numbers from 0 to 1 for 'c'"),
        (spec(2, maximum=0.5), [CATEGORY], "gives numbers from 0 to 1 for 'c'"),
        (spec(1, minimum=0, maximum=1), [{**NUMBER, "minimum": 5}], "gives 'a' numbers that the input 'rows' does not"),
        (spec(1, minimum=0, maximum=1), [{**NUMBER, "missing": 5}], "gives 'a' numbers that the input 'rows' does not"),
        (spec(1), [{**NUMBER, "missing": 1e39}], "gives 'a' numbers that the input 'rows' does not"),
    ],
)
def test_numbers_that_the_signature_would_refuse_are_found_at_load(given: TensorSpec, columns: Any, fault: str) -> None:
    with pytest.raises(BundleError, match=fault):
        columns_of(given, {"columns": columns})


def test_the_bounds_of_the_signature_hold_for_every_number() -> None:
    table = columns_of(spec(1, minimum=0, maximum=0.1), {"columns": [NUMBER]})
    assert table is not None
    assert table.numbers({"a": 0.1}, None) == [0.1]  # 0.1 in FP32 lies above it
    assert table.columns[0].expected == "a number from 0 to 0.1"


def test_tables_are_equal_where_every_row_means_the_same() -> None:
    assert columns_of(ROWS, OPTIONS) == columns_of(ROWS, OPTIONS)
    assert columns_of(ROWS, OPTIONS) != columns_of(ROWS, {"columns": COLUMNS[::-1]})
    assert hash(columns_of(ROWS, OPTIONS)) == hash(columns_of(ROWS, OPTIONS))
