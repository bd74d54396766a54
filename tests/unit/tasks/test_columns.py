from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from plimsoll.errors import InvalidInput
from plimsoll.tasks.column_options import columns_of
from plimsoll.tasks.columns import ColumnTable

from tests.doubles.column_models import COLUMNS, NUMBERS, OPTIONS, ROW, ROWS


def table(options: dict[str, Any] = OPTIONS) -> ColumnTable:
    columns = columns_of(ROWS, options)
    assert columns is not None
    return columns


def test_numbers_stay_and_categories_become_one_hot_or_an_index() -> None:
    assert table().numbers(ROW, None) == NUMBERS


def test_a_missing_value_becomes_what_the_manifest_says() -> None:
    expected = [41.0, 0.0, 0.0, 1.0, 1.5, 2.0]
    assert table().numbers({"age": 41, "size": 3}, None) == expected
    assert table().numbers({"age": 41, "size": 3, "home": None, "income": None}, None) == expected


@pytest.mark.parametrize(
    ("change", "message", "expected", "given"),
    [
        ({"agee": 1}, "unknown column 'agee'", "the columns 'age', 'home', 'income', 'size'", None),
        ({"age": "41"}, "the column 'age' has the wrong type", "a number from 18 to 100 (years)", "the string '41'"),
        ({"age": True}, "the column 'age' has the wrong type", "a number from 18 to 100 (years)", "a boolean"),
        ({"age": [1]}, "the column 'age' has the wrong type", "a number from 18 to 100 (years)", "an array"),
        (
            {"age": None}, "the column 'age' has no value, and this model has no rule for a missing one",
            "a number from 18 to 100 (years)", "null, or an empty cell",
        ),
        ({"age": 17.5}, "the column 'age' is out of bounds", "a number from 18 to 100 (years)", "17.5"),
        ({"age": math.nan}, "the column 'age' is not a number (NaN)", "a number from 18 to 100 (years)", "NaN"),
        ({"income": 10**400}, "the column 'income' is beyond every range", "a finite number", "a number too large"),
        ({"income": 1e39}, "the column 'income' is out of bounds", "a number from -3.40282e+38 to 3", "1e+39"),
        (
            {"home": "boat"}, "the column 'home' has a category that this model does not know",
            "one of 'rent', 'own, with a loan', 'other'", "'boat'",
        ),
        ({"home": 1}, "the column 'home' has the wrong type", "one of 'rent', 'own, with a loan'", "a number"),
        ({"home": {}}, "the column 'home' has the wrong type", "one of 'rent', 'own, with a loan'", "an object"),
        ({"size": 2.5}, "the column 'size' has a category that this model does not know", "one of 1, 2, 3", "2.5"),
        ({"size": 10**400}, "the column 'size' has a category that this", "one of 1, 2, 3", "inf"),
        ({"size": "2"}, "the column 'size' has the wrong type", "one of 1, 2, 3", "the string '2'"),
        ({"size": True}, "the column 'size' has the wrong type", "one of 1, 2, 3", "a boolean"),
    ],
)  # fmt: skip
def test_each_fault_of_a_row_has_its_own_sentence(
    change: dict[str, Any], message: str, expected: str, given: str | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        table().numbers({**ROW, **change}, 3)
    error = caught.value
    assert (error.message.startswith(message), error.index) == (True, 3), error.message
    assert (error.expected or "").startswith(expected), error.expected
    assert (error.given is None) == (given is None)
    assert (error.given or "").startswith(given or ""), error.given


def test_a_column_without_a_rule_for_missing_values_must_be_given() -> None:
    with pytest.raises(InvalidInput) as caught:
        table().numbers({"size": 1}, None)
    assert (caught.value.message, caught.value.index) == ("the column 'age' is missing", None)


def test_a_whole_number_in_another_spelling_is_the_same_category() -> None:
    assert table().numbers({**ROW, "size": 2.0}, None) == NUMBERS


def test_a_message_names_only_the_first_of_many_categories_and_columns() -> None:
    many: list[dict[str, Any]] = [
        {"name": "city", "kind": "category", "values": [f"city {at}" * 12 for at in range(500)], "encoding": "index"}
    ]
    many += [{"name": f"number {at} {'long' * 20}", "kind": "number"} for at in range(5)]
    with pytest.raises(InvalidInput) as caught:
        table({"columns": many}).numbers({"city": "another" * 1000, **{each["name"]: 1 for each in many[1:]}}, None)
    assert str(caught.value.expected).endswith("and 492 more")
    assert len(str(caught.value.expected)) < 500
    assert len(str(caught.value.given)) < 50
    with pytest.raises(InvalidInput) as caught:
        table({"columns": many}).numbers({"x" * 5000: 1}, None)
    assert len(caught.value.message + str(caught.value.expected)) < 700


def test_an_example_is_a_row_that_gives_the_same_numbers() -> None:
    example = table().example(np.array(NUMBERS, np.float32))
    assert example == ROW
    assert table().numbers(example, None) == NUMBERS


def test_an_example_of_rows_drawn_at_random_is_still_allowed() -> None:
    for row in np.random.default_rng(0).normal(0, 50, (50, 6)):
        table().numbers(table().example(row), None)


def test_the_schema_has_bounds_units_categories_and_the_rule_for_missing_values() -> None:
    schema = table().schema()
    assert schema["required"] == ["age", "size"]
    assert schema["properties"]["age"] == {
        "type": "number", "minimum": 18, "maximum": 100, "description": "Of the eldest. In years."
    }  # fmt: skip
    assert schema["properties"]["home"] == {
        "enum": ["rent", "own, with a loan", "other", None], "description": "A missing value becomes 'other'."
    }  # fmt: skip
    assert schema["properties"]["income"]["type"] == ["number", "null"]
    assert list(schema["properties"]) == [each["name"] for each in COLUMNS]
