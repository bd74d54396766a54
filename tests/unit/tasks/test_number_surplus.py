"""Long bodies that hold far more than a request may: refused before anything is made of what they hold."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.inference.payloads import Signature
from plimsoll.tasks.number_rows import NumberRows, RowReader

from tests.doubles.models import flat_signature

LENGTH = 2 << 20
SIGNATURE = flat_signature(784)
ROW = b"0," * 783 + b"0"


def parse(body: bytes, signature: Signature = SIGNATURE) -> NumberRows:
    return RowReader(signature).read(body)


def written(rows: NumberRows, width: int = 784) -> NDArray[np.float32]:
    tensor = np.empty((rows.rows, width), np.float32)
    rows.write({"x": tensor})
    return tensor


def filled(head: bytes, item: bytes, tail: bytes) -> bytes:
    """A body of about two megabytes."""
    return head + item * ((LENGTH - len(head) - len(tail)) // len(item)) + tail


SURPLUS = {
    "numbers": filled(b'{"features":[', b"0,", b"0]}"),
    "numbers and a string": filled(b'{"features":[', b"0,", b'"x"]}'),
    "empty rows": filled(b'{"instances":[', b"[],", b"[]]}"),
    "empty rows and null": filled(b'{"instances":[', b"[],", b"null]}"),
    "objects": filled(b'{"features":[', b"{},", b"{}]}"),
    "strings": filled(b'{"features":[', b'"",', b'""]}'),
    "names": filled(b"{", b'"k":0,', b'"k":0}'),
    "one name again and again": filled(b"{", b'"features":[0],', b'"features":[0]}'),
    "rows of the right length": filled(b'{"instances":[', b"[%b]," % ROW, b"[%b]]}" % ROW),
}


@pytest.mark.parametrize("name", SURPLUS)
def test_what_is_too_much_is_refused_and_nothing_is_made_of_it(name: str) -> None:
    body = SURPLUS[name]
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput) as caught:
            parse(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.message == "the body holds too many rows or numbers"
    assert caught.value.expected == "at most 100 rows of 784 numbers"
    assert peak < 4 * len(body), "a Python object takes far more than the two or three bytes that it was written in"


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (filled(b'{"features":[', b"0,", b"0"), "input data was truncated"),
        (filled(b'{"features":[', b"0,", b"x]}"), "(byte 2097149)"),
        (filled(b'{"features":[', b"0,", b"0]} {}"), "trailing characters"),
    ],
)
def test_what_is_too_much_and_no_json_is_400(body: bytes, given: str) -> None:
    with pytest.raises(MalformedBody) as caught:
        parse(body)
    assert (caught.value.status, caught.value.message) == (400, "the body is not JSON")
    assert given in str(caught.value.given)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"features":[['])
def test_what_is_nested_without_end_is_400(opening: bytes) -> None:
    for body in (opening * 100_000, opening * 100_000 + b"," * 200_000):
        with pytest.raises(MalformedBody):
            parse(body)


@pytest.mark.parametrize("user", [b"a" * LENGTH, b"," * LENGTH, b"[" * LENGTH, b",\\\\" * 300_000, b'[\\",' * 300_000])
def test_a_long_name_is_no_surplus_whatever_it_is_made_of(user: bytes) -> None:
    body = b'{"user":"%b","instances":[[%b],[%b]]}' % (user, ROW, ROW)
    parsed = parse(body)
    assert parsed.rows == 2
    assert parsed.user == orjson.loads(b'"%b"' % user)


@pytest.mark.parametrize("spelling", [b"0.1", b"0." + b"1" * 98, b" 0.1\n", b"1e-1"])
def test_a_hundred_full_rows_are_right_however_long_their_numbers_are(spelling: bytes) -> None:
    row = b",".join([spelling] * 784)
    body = b'{"instances":[%b]}' % b",".join([b"[%b]" % row] * 100)
    assert len(body) > 1 << 18
    assert parse(body).rows == 100


def test_one_row_too_many_is_still_counted() -> None:
    body = b'{"instances":[%b]}' % b",".join([b"[%b]" % ROW] * 101)
    with pytest.raises(InvalidInput) as caught:
        parse(body)
    assert (caught.value.expected, caught.value.given) == ("1 to 100 rows", "101 rows")


def test_threads_parse_side_by_side_and_each_gets_its_own() -> None:
    results: dict[int, float] = {}

    def read(number: int) -> None:
        for _ in range(20):
            row = b",".join([b"%d" % number] * 784)
            parsed = parse(b'{"instances":[%b]}' % b",".join([b"[%b]" % row] * 50))
            results[number] = results.get(number, 0) + float(written(parsed)[:, 0].sum())

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {number: number * 50 * 20 for number in range(4)}


@pytest.mark.parametrize("user", ["ann", "", "[", "jürgen", "用户", 'a"b\\c'])
def test_a_user_beside_the_rows_makes_no_difference_to_them(user: str) -> None:
    for document in ({"features": [1, 2]}, {"instances": [[1, 2], [3, 4]]}):
        alone = parse(orjson.dumps(document), flat_signature(2))
        for named in ({**document, "user": user}, {"user": user, **document}):
            parsed = parse(orjson.dumps(named), flat_signature(2))
            assert written(parsed, 2).tolist() == written(alone, 2).tolist()
            assert parsed.user == user
