from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import BundleError, ClientError, InvalidInput, MalformedBody
from plimsoll.fronts.v1_csv import V1Csv
from plimsoll.inference.call import Call
from plimsoll.inference.ports import Question
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.tasks.tabular_regression import TabularRegression

from tests.doubles.column_models import COLUMNS, NUMBERS, OPTIONS, ROW, SIGNATURE, WIDTH
from tests.unit.control.serving import served_version

TASK = TabularClassification(SIGNATURE, OPTIONS)
PLAIN = TabularClassification(SIGNATURE)
VALUES = {
    "age": st.floats(18, 100),
    "home": st.sampled_from([*COLUMNS[1]["values"], None]),
    "income": st.floats(-1e30, 1e30) | st.integers(-(1 << 70), 1 << 70) | st.none(),
    "size": st.sampled_from([1, 2, 3]),
}
ROWS_BY_NAME = st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=5)
ANY_VALUE = (
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)


def written(question: Question) -> list[list[float]]:
    tensor = np.empty((question.rows, WIDTH), np.float32)
    question.write({"rows": tensor})
    return tensor.tolist()


def read(body: object) -> list[list[float]]:
    return written(TASK.read(json.dumps(body).encode()))


def read_csv(text: str) -> list[list[float]]:
    version = served_version("echo", "1")
    served = ServedVersion("echo", "1", version.signature, TASK, version.lane)
    return written(V1Csv().read(Call(RequestHead()), text.encode(), served))


def refusal(body: object) -> ClientError:
    with pytest.raises(ClientError) as caught:
        TASK.read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        {"columns": ROW}, {"instances": [ROW]}, {"features": NUMBERS}, {"instances": [NUMBERS]},
        {"columns": dict(reversed(ROW.items())), "user": "ann", "instances": None, "features": None},
    ],
)  # fmt: skip
def test_a_row_is_read_by_name_and_by_position(body: dict[str, Any]) -> None:
    assert read(body) == [NUMBERS]


@given(rows=ROWS_BY_NAME, random=st.randoms(use_true_random=False))
def test_columns_in_any_order_mean_the_same_as_numbers_by_position(rows: list[dict[str, Any]], random: Any) -> None:
    assert TASK.columns is not None
    by_position = [TASK.columns.numbers(row, None) for row in rows]
    shuffled = [dict(random.sample(sorted(row.items()), len(row))) for row in rows]
    assert read({"instances": shuffled}) == read({"instances": by_position})
    assert read({"columns": shuffled[0]}) == read({"features": by_position[0]})


@given(rows=ROWS_BY_NAME, random=st.randoms(use_true_random=False))
def test_csv_under_names_in_any_order_means_the_same_as_json(rows: list[dict[str, Any]], random: Any) -> None:
    names = random.sample(list(VALUES), len(VALUES))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    assert read_csv(text.getvalue()) == read({"instances": rows})


def test_csv_may_leave_out_columns_that_may_be_missing_and_have_blanks_around_its_cells() -> None:
    assert read_csv(" size, age ,income\n 2, 41 ,\n") == read({"columns": {"age": 41, "size": 2}})


def test_csv_without_a_line_of_names_is_read_by_position() -> None:
    assert read_csv("41,0,1,0,0.25,1\n") == [NUMBERS]


@pytest.mark.parametrize(
    ("text", "message", "given_", "index"),
    [
        ("age,size,colour\n41,2,red\n", "unknown column 'colour'", None, None),
        ("age,2\n41,2\n", "unknown column '2'", None, None),
        ("age,size,age\n41,2,41\n", "the column 'age' is there twice", None, None),
        ("size\n1\n", "the column 'age' is missing", None, 0),
        ("age,size\n41,2\n41\n", "row 1 has another number of cells than the line of names", "1 cells", 1),
        ("age,size\n41,2\nold,2\n", "the column 'age' has the wrong type", "the string 'old'", 1),
        ("age,size\n41,2\nnan,2\n", "the column 'age' is not a number (NaN)", "NaN", 1),
        ("age,size\n41,2\ninf,2\n", "the column 'age' is beyond every range", "a number too large for a float", 1),
        ("age,size\n41,2\n4_1,2\n", "the column 'age' has the wrong type", "the string '4_1'", 1),
        ("age,size\n41,2\n,2\n", "the column 'age' has no value", "null, or an empty cell", 1),
        ("age,size\n41,2\n41,7\n", "the column 'size' has the wrong type", "the string '7'", 1),
        ("age,size,home\n41,2,boat\n", "the column 'home' has a category that this model", "'boat'", 0),
        ("age,size\n", "the number of rows is out of range", "0 rows", None),
    ],
)
def test_each_fault_of_csv_has_its_own_sentence(text: str, message: str, given_: str | None, index: int | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_csv(text)
    assert caught.value.message.startswith(message), caught.value.message
    assert (caught.value.given, caught.value.index) == (given_, index)


@pytest.mark.parametrize(
    ("body", "message", "index"),
    [
        ({"columns": [41]}, "'columns' has the wrong type", None),
        ({"instances": [ROW, NUMBERS]}, "row 1 of instances has the wrong type", 1),
        ({"instances": [NUMBERS, ROW]}, "row 1 of instances has the wrong type", 1),
        ({"instances": [ROW, None]}, "row 1 of instances has the wrong type", 1),
        ({"instances": ROW}, "'instances' has the wrong type", None),
        ({"instances": []}, "the number of rows is out of range", None),
        ({"instances": [ROW] * 101}, "the number of rows is out of range", None),
        ({"instances": [ROW, {**ROW, "home": "boat"}]}, "the column 'home' has a category that this model", 1),
        ({"columns": ROW, "features": NUMBERS}, "give either 'columns' or 'instances'", None),
        ({"columns": ROW, "instances": [ROW]}, "give either 'columns' or 'instances'", None),
        ({"columns": ROW, "colums": ROW}, "unknown field 'colums'", None),
        ({"columns": ROW, "user": 5}, "'user' has the wrong type", None),
        ({"features": ROW}, "features has the wrong type", None),
        ({"features": NUMBERS[1:]}, "features has the wrong length", None),
        ({"features": {**ROW, "home": "\ud800"}}, "features has the wrong type", None),
        ({"instances": [[*NUMBERS, "\ud800"]]}, "row 0 of instances holds something else than a number", 0),
        (
            {"columns": {**ROW, "home": "\ud800"}},
            "the column 'home' has a category that this model does not know",
            None,
        ),
        ({"instances": [ROW, {**ROW, "\ud800": 1}]}, "unknown column '?'", 1),
        ({"features": NUMBERS, "columns": None}, "unknown field 'columns'", None),
        ({}, "give either 'columns' or 'instances'", None),
        ([], "the body has the wrong shape", None),
    ],
)
def test_a_body_of_another_shape_is_refused_by_its_fault(body: object, message: str, index: int | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(body)
    assert caught.value.message.startswith(message), caught.value.message
    assert caught.value.index == index


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"{", "the body is not JSON"),
        (b'{"columns": {"age": NaN, "size": 1}}', "NaN is not JSON"),
        (b'{"columns": ' + b'{"a": ' * 5000, "the body is nested too deeply"),
    ],
)
def test_what_is_not_json_is_malformed(body: bytes, message: str) -> None:
    error = refusal(body)
    assert isinstance(error, MalformedBody)
    assert error.message.startswith(message)


def test_a_body_of_far_too_many_values_is_refused_before_anything_is_made_of_it() -> None:
    error = refusal({"instances": [{**ROW, "income": [0] * 1000}] * 100})
    assert error.message == "the body holds too many rows or numbers"


@given(
    row=st.dictionaries(st.sampled_from([*VALUES, "x"]), ANY_VALUE),
    field=st.sampled_from(["columns", "instances", "features", "user"]),
    many=st.booleans(),
)
def test_any_values_at_all_are_read_or_get_a_sentence(row: dict[str, Any], field: str, many: bool) -> None:
    try:
        read({field: [row] if many else row})
    except ClientError as error:
        assert 400 <= error.status < 500  # noqa: PT017  # most are refused, and some may be right
        assert len(error.message + str(error.expected) + str(error.given)) < 1000  # noqa: PT017  # likewise


@given(body=st.binary(max_size=80) | st.text('{}[]":,columnsage0123456789.e-', max_size=80).map(str.encode))
def test_any_bytes_at_all_are_read_or_get_a_4xx(body: bytes) -> None:
    for way in (TASK.read, lambda each: read_csv(each.decode("latin-1"))):
        try:
            way(body)
        except ClientError as error:
            assert 400 <= error.status < 500  # noqa: PT017  # as above


def test_one_row_of_many_is_a_question_whose_errors_have_its_index() -> None:
    question = TASK.read(json.dumps({"instances": [ROW, {**ROW, "age": 20}]}).encode())
    assert written(question.row(1)) == [[20.0, *NUMBERS[1:]]]


def test_only_a_model_with_columns_names_them() -> None:
    assert (PLAIN.item, TASK.item) == ("features", "columns")
    assert PLAIN.row_schema()["type"] == "array"
    assert TASK.row_schema()["type"] == "object"
    inputs = {"rows": np.array(NUMBERS, np.float32)}
    assert TASK.example_row(inputs) == ROW
    assert PLAIN.example_row(inputs).tolist() == NUMBERS
    with pytest.raises(InvalidInput, match="unknown field 'columns'"):
        PLAIN.read(json.dumps({"columns": ROW}).encode())
    assert PLAIN.reading_cost == 1 < TASK.reading_cost


def test_tasks_with_other_columns_are_not_the_same() -> None:
    assert TabularClassification(SIGNATURE, OPTIONS) == TASK != PLAIN
    assert hash(TabularClassification(SIGNATURE, OPTIONS)) == hash(TASK)


def test_the_option_belongs_to_both_tabular_tasks_and_must_fit() -> None:
    for task in (TabularClassification, TabularRegression):
        with pytest.raises(BundleError, match="makes rows of 1 numbers, and the input 'rows' takes 6"):
            task(SIGNATURE, {"columns": COLUMNS[:1]})


def test_numbers_keep_the_precision_of_the_input() -> None:
    assert read({"columns": {**ROW, "income": math.pi}})[0][4] == np.float32(math.pi)
