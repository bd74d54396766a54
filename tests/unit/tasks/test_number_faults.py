from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.tasks.number_faults import explain

from tests.doubles.reservations import decoded

SHAPE = 'an object {"features": [numbers]} for one row, or {"instances": [[numbers], ...]} for many'
NO_NUMBER = "features holds something else than a number at position"
NUMBERS = "an array of 2 numbers"


@pytest.mark.parametrize("body", [b"", b" ", b"\n\t\r "])
def test_an_empty_body_is_called_empty(body: bytes) -> None:
    error = explain(body, 2)
    assert isinstance(error, MalformedBody)
    assert (error.status, error.code, error.expected) == (400, "empty_body", SHAPE)


@pytest.mark.parametrize(
    ("body", "given_"),
    [
        (b'{"features": [1, 2', "expecting ',' delimiter at character 18 of 18"),
        (b'{"features": [1, 2]} {}', "extra data at character 21 of 23"),
        (b"{'features': [1, 2]}", "expecting property name enclosed in double quotes at character 1 of 20"),
        (b"hello", "expecting value at character 0 of 5"),
        (b'{"features": [NaN, 1]}', "NaN"),
        (b'{"features": [Infinity, 1]}', "Infinity"),
        (b'{"features": [1, -Infinity]}', "-Infinity"),
        (b'{"features": "\xff"}', "bytes that are not UTF-8"),
        (b"[" * 100_000, None),
        (b'{"features": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    ],
)
def test_what_is_not_json_gets_a_400_that_says_where(body: bytes, given_: str | None) -> None:
    error = explain(body, 2)
    assert isinstance(error, MalformedBody)
    assert (error.status, error.code) == (400, "not_json")
    assert error.given == given_
    assert error.expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_json_in_another_encoding_is_told_to_be_utf_8(encoding: str) -> None:
    body = '{"features": [1, 2]}'.encode(encoding)
    with pytest.raises(MalformedBody) as caught:
        decoded(body)
    assert "UTF-8" in f"{caught.value.message} {caught.value.expected} {caught.value.given}"


@pytest.mark.parametrize(
    ("document", "message", "expected", "given_", "index"),
    [
        ([1, 2], "the body has the wrong shape", SHAPE, "an array", None),
        (3, "the body has the wrong shape", SHAPE, "a number", None),
        (None, "the body has the wrong shape", SHAPE, "null", None),
        ("text", "the body has the wrong shape", SHAPE, "the string 'text'", None),
        ({}, "give either 'features' or 'instances'", SHAPE, "neither", None),
        ({"features": None}, "give either 'features' or 'instances'", SHAPE, "neither", None),
        ({"features": [1, 2], "instances": [[1, 2]]}, "give either 'features' or 'instances'", SHAPE, "both", None),
        ({"feature": [1, 2]}, "unknown field 'feature'", SHAPE, None, None),
        ({"features": [1, 2], "id": 7}, "unknown field 'id'", SHAPE, None, None),
        ({"x" * 40: 1}, "unknown field '" + "x" * 32 + "…'", SHAPE, None, None),
        ({"features": 1}, "features has the wrong type", NUMBERS, "a number", None),
        ({"features": {"a": 1}}, "features has the wrong type", NUMBERS, "an object", None),
        ({"features": [[1, 2]]}, f"{NO_NUMBER} 0", NUMBERS, "an array", None),
        ({"features": [1, "2"]}, f"{NO_NUMBER} 1", NUMBERS, "the string '2'", None),
        ({"features": [True, 1]}, f"{NO_NUMBER} 0", NUMBERS, "a boolean", None),
        ({"features": [1, None]}, f"{NO_NUMBER} 1", NUMBERS, "null", None),
        ({"instances": 5}, "'instances' has the wrong type", "an array of rows", "a number", None),
        ({"instances": [1, 2]}, "row 0 of instances has the wrong type", NUMBERS, "a number", 0),
        ({"instances": [[1, 2], "x"]}, "row 1 of instances has the wrong type", NUMBERS, "the string 'x'", 1),
        (
            {"instances": [[1, 2], [1, 2], [1, {}]]},
            "row 2 of instances holds something else than a number at position 1",
            NUMBERS,
            "an object",
            2,
        ),
    ],
)  # fmt: skip
def test_json_of_another_shape_gets_a_422_that_says_what_was_expected_and_given(
    document: Any, message: str, expected: str, given_: str | None, index: int | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        decoded(json.dumps(document).encode())
    error = caught.value
    assert (error.message, error.expected, error.given, error.index) == (message, expected, given_, index)
    assert (error.status, error.code) == (422, "invalid_input")


@pytest.mark.parametrize("document", [{"\ud800": 1}, {"features": "\udfff"}, {"instances": [[1, "\ud83d"]]}, "\udc00"])
def test_half_a_character_in_the_body_can_be_said_in_the_reply(document: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        decoded(json.dumps(document).encode())
    f"{caught.value.message} {caught.value.given}".encode()


@given(position=st.integers(0, 1), exponent=st.integers(309, 5000), sign=st.sampled_from(["", "-"]))
def test_a_number_beyond_every_float_is_told_apart_from_a_wrong_type(position: int, exponent: int, sign: str) -> None:
    numbers = ["0", "0"]
    numbers[position] = f"{sign}1e{exponent}"
    error = explain(f'{{"features": [{", ".join(numbers)}]}}'.encode(), 2)
    assert error.message == f"features holds a number beyond every range at position {position}"
    assert error.expected == "finite numbers"


def test_an_integer_that_python_will_not_read_is_told_too() -> None:
    error = explain(b'{"features": [' + b"1" * 5000 + b", 0]}", 2)
    assert error.status == 422
    assert error.expected == "finite numbers"


def test_a_body_that_another_parser_refused_and_this_one_takes_still_gets_an_answer() -> None:
    for body in (b'{"features": [1, 2]}', b'{"instances": [[1, 2]]}'):
        error = explain(body, 2)
        assert (error.status, error.message, error.expected) == (422, "the body has the wrong shape", SHAPE)
