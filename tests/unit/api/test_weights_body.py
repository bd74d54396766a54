from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.api.weights_body import parse_weights
from plimsoll.errors import ClientError


def refusal(body: bytes) -> ClientError:
    with pytest.raises(ClientError) as caught:
        parse_weights(body)
    return caught.value


@given(weights=st.dictionaries(st.text(max_size=5), st.integers(0, 100), min_size=1))
def test_whole_numbers_of_percent_are_read(weights: dict[str, int]) -> None:
    assert parse_weights(json.dumps(weights).encode()) == weights


@pytest.mark.parametrize(
    ("body", "status", "told", "given"),
    [
        (b"", 400, "the body is empty", None),
        (b" \n", 400, "the body is empty", None),
        (b"{", 400, "the body is not JSON", None),
        (b"[" * 50_000, 400, "the body is not JSON", None),
        (b'{"1": NaN}', 400, "the body is not JSON", None),
        (b'{"1": Infinity}', 400, "the body is not JSON", None),
        (b'{"1": 100}x', 400, "the body is not JSON", None),
        (b'\xff{"1": 100}', 400, "the body is not JSON", None),
        (b'\xef\xbb\xbf{"1": 100}', 400, "the body is not JSON", None),
        (b'{"1": 0100}', 400, "the body is not JSON", None),
        (b"[100]", 422, "the body is not an object", "an array"),
        (b"100", 422, "the body is not an object", "a number"),
        (b'"1"', 422, "the body is not an object", "the string '1'"),
        (b"null", 422, "the body is not an object", "null"),
        (b"{}", 422, "the body names no version", "an empty object"),
        (b'{"1": 50, "1": 100}', 422, "the name '1' stands twice in the body", None),
        (b'{"1": -1, "2": 101}', 422, "the weight of version '1' cannot be used", "-1"),
        (b'{"1": 101}', 422, "the weight of version '1' cannot be used", "101"),
        (b'{"1": 50.0}', 422, "the weight of version '1' cannot be used", "50.0"),
        (b'{"1": 1e400}', 422, "the weight of version '1' cannot be used", "inf"),
        (b'{"1": true}', 422, "the weight of version '1' cannot be used", "a boolean"),
        (b'{"1": "100"}', 422, "the weight of version '1' cannot be used", "the string '100'"),
        (b'{"1": null}', 422, "the weight of version '1' cannot be used", "null"),
        (b'{"1": [100]}', 422, "the weight of version '1' cannot be used", "an array"),
        (b'{"1": {"2": 100}}', 422, "the weight of version '1' cannot be used", "an object"),
        (b'{"1": ' + b"9" * 60_000 + b"}", 422, "the weight of version '1' cannot be used", "9999999999"),
        (b'{"' + b"1" * 60_000 + b'": -1}', 422, "cannot be used", "-1"),
    ],
)
def test_everything_else_is_refused_with_what_was_given(body: bytes, status: int, told: str, given: str | None) -> None:
    error = refusal(body)
    assert (error.status, error.given) == (status, given)
    assert told in error.message
    assert len(error.message) < 200


@given(body=st.binary(max_size=40) | st.text('{}[]":,0123456789.eE-+ntrufalse\\ ', max_size=40).map(str.encode))
def test_any_bytes_are_weights_or_refused(body: bytes) -> None:
    try:
        weights = parse_weights(body)
    except ClientError as error:
        assert error.status in (400, 422)  # noqa: PT017  # it need not raise
        return
    assert all(type(weight) is int and 0 <= weight <= 100 for weight in weights.values())
