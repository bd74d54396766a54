from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from plimsoll.errors import ClientError, InvalidInput
from plimsoll.inference.batch_queue import Entry
from plimsoll.inference.payloads import Datatype, Signature
from plimsoll.tasks.number_rows import MAX_ROWS, RowReader

from tests.doubles.models import flat_signature
from tests.doubles.reservations import decoded

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
WITHIN_FLOAT32 = st.floats(-3.4e38, 3.4e38)
ANY_NUMBER = WITHIN_FLOAT32 | st.integers(-(10**30), 10**30)

signatures = st.builds(flat_signature, st.integers(1, 4), st.sampled_from(["FP32", "FP64"]))


def rows_of(width: int, numbers: st.SearchStrategy[Any] = ANY_NUMBER) -> st.SearchStrategy[list[list[Any]]]:
    return st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=4)


def refusal(body: bytes, signature: Signature | None = None) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        decoded(body, signature)
    return caught.value


@given(signature=signatures, data=st.data())
def test_numbers_arrive_as_the_nearest_of_the_datatype_and_in_order(signature: Signature, data: st.DataObject) -> None:
    spec = signature.inputs[0]
    rows = data.draw(rows_of(spec.shape[1]))
    entry = decoded(json.dumps({"instances": rows}).encode(), signature)
    assert entry.rows == len(rows)
    tensor = entry.inputs["x"]
    assert tensor.dtype == spec.dtype
    assert tensor.tolist() == [[float(spec.dtype.type(float(number))) for number in row] for row in rows]


@given(row=st.lists(FLOAT32, min_size=3, max_size=3))
def test_one_row_as_features_is_the_same_as_one_row_of_instances(row: list[float]) -> None:
    single = decoded(json.dumps({"features": row}).encode(), flat_signature(3))
    many = decoded(json.dumps({"instances": [row]}).encode(), flat_signature(3))
    assert single.rows == many.rows == 1
    assert single.inputs["x"].tobytes() == many.inputs["x"].tobytes() == np.array(row, np.float32).tobytes()


half_characters = st.sampled_from(["\ud800", "\udfff"])  # JSON can escape them, UTF-8 cannot hold them
words = st.lists(st.text(max_size=3) | half_characters, max_size=3).map("".join)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["features", "instances"]) | words, inner, max_size=3)
    ),
    max_leaves=12,
)
near_misses = st.dictionaries(
    st.sampled_from(["features", "instances"]),
    st.lists(scalars | st.lists(scalars, max_size=3), max_size=3),
    max_size=2,
)


def decoded_or_refused(body: bytes) -> Entry | ClientError:
    """What comes of a body; an error has to be a 4xx that can be said in JSON and says something."""
    try:
        return decoded(body)
    except ClientError as error:
        said = orjson.loads(orjson.dumps([error.message, error.expected, error.given]))
        if not 400 <= error.status < 500 or not said[0]:
            raise AssertionError(f"not fit for a client: {error!r}") from error
        return error


@settings(max_examples=300)
@given(document=documents | near_misses | st.fixed_dictionaries({"instances": rows_of(2)}))
def test_what_is_accepted_equals_json_and_numpy_and_the_rest_gets_a_4xx(document: Any) -> None:
    entry = decoded_or_refused(json.dumps(document).encode())
    if isinstance(entry, Entry):
        rows = document["instances"] if document.get("features") is None else [document["features"]]
        with np.errstate(over="ignore"):
            assert np.array_equal(entry.inputs["x"], np.array(rows, np.float64).astype(np.float32))


@settings(max_examples=300)
@given(
    body=st.binary(max_size=40) | st.text('{}[]":,.-+eE0123456789 featuresinstances\\udD', max_size=60).map(str.encode)
)
def test_any_bytes_at_all_are_decoded_or_get_a_4xx(body: bytes) -> None:
    decoded_or_refused(body)


@settings(max_examples=200)
@given(rows=rows_of(2), cut=st.integers(0, 200), flipped=st.tuples(st.integers(0, 200), st.integers(0, 255)))
def test_a_body_that_was_cut_or_spoiled_on_its_way_is_decoded_or_gets_a_4xx(
    rows: list[list[Any]], cut: int, flipped: tuple[int, int]
) -> None:
    body = bytearray(json.dumps({"instances": rows}).encode())
    body[flipped[0] % len(body)] = flipped[1]
    decoded_or_refused(bytes(body))
    decoded_or_refused(bytes(body[:cut]))


def test_a_hundred_rows_are_decoded_and_one_more_is_refused() -> None:
    rows = [[0.5, index] for index in range(MAX_ROWS)]
    entry = decoded(orjson.dumps({"instances": rows}))
    assert entry.rows == 100
    assert entry.inputs["x"].tolist() == rows
    error = refusal(orjson.dumps({"instances": [*rows, [1, 2]]}))
    assert (error.expected, error.given) == ("1 to 100 rows", "101 rows")


def test_a_refusal_that_is_still_in_use_does_not_slow_down_other_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = RowReader(flat_signature(2))
    with pytest.raises(InvalidInput) as kept:
        reader.read(orjson.dumps({"instances": [[1.0, 2.0]] * (MAX_ROWS + 1)}))
    monkeypatch.setattr("plimsoll.tasks.number_rows.rows_of_numbers", None)  # the slow way
    assert reader.read(b'{"features": [1.0, 2.0]}').rows == 1
    assert kept.value.given == "101 rows"


def test_no_rows_are_refused() -> None:
    assert refusal(b'{"instances": []}').given == "0 rows"


@pytest.mark.parametrize(
    ("body", "where", "length", "index"),
    [
        (b'{"features": [1]}', "features", 1, None),
        (b'{"features": []}', "features", 0, None),
        (b'{"features": [1, 2, 3]}', "features", 3, None),
        (b'{"instances": [[1, 2], [1]]}', "row 1 of instances", 1, 1),
        (b'{"instances": [[], [1, 2]]}', "row 0 of instances", 0, 0),
    ],
)
def test_a_wrong_length_names_the_row_and_both_lengths(body: bytes, where: str, length: int, index: int | None) -> None:
    error = refusal(body)
    assert error.message == f"{where} has the wrong length"
    assert (error.expected, error.given, error.index) == ("2 numbers", f"{length} numbers", index)


def bounded(minimum: float | None, maximum: float | None) -> Signature:
    return flat_signature(2, minimum=minimum, maximum=maximum)


@given(minimum=FLOAT32, maximum=FLOAT32, number=FLOAT32)
def test_a_number_is_accepted_exactly_when_it_lies_within_the_bounds(
    minimum: float, maximum: float, number: float
) -> None:
    minimum, maximum = sorted((minimum, maximum))
    body = orjson.dumps({"features": [minimum, number]})
    if minimum <= number <= maximum:
        assert decoded(body, bounded(minimum, maximum)).inputs["x"].tolist() == [[minimum, number]]
    else:
        error = refusal(body, bounded(minimum, maximum))
        assert error.message == "the number at position 1 is out of bounds"
        assert error.expected is not None
        assert error.expected.partition(";")[0] == f"numbers from {minimum:g} to {maximum:g}"
        assert (error.given, error.index) == (f"{number:g}", None)


@given(bound=st.floats(-1e30, 1e30))
def test_a_bound_itself_is_within_the_bounds_also_where_fp32_has_no_such_number(bound: float) -> None:
    body = orjson.dumps({"features": [bound, bound]})
    for signature in (bounded(bound, None), bounded(None, bound), bounded(bound, bound)):
        assert decoded(body, signature).inputs["x"].tolist() == [[float(np.float32(bound))] * 2]


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
@given(tensor=arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.just(40))), data=st.data())
def test_rows_of_an_array_are_written_exactly_when_all_numbers_are_finite_in_the_datatype(
    datatype: Datatype, tensor: NDArray[np.float64], data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        tensor[data.draw(st.integers(0, len(tensor) - 1)), data.draw(st.integers(0, 39))] = data.draw(
            st.sampled_from([np.nan, np.inf, -np.inf, 1e39, -1e39, 3.4e38])
        )
    reader = RowReader(flat_signature(40, datatype))
    with np.errstate(over="ignore"):
        wanted = tensor.astype(reader.spec.dtype)
    inputs = {"x": np.zeros_like(wanted)}
    rows = reader.of_rows(tensor)
    if np.isfinite(wanted).all():
        rows.write(inputs)
        assert np.array_equal(inputs["x"], wanted)
    else:
        with pytest.raises(InvalidInput, match="does not fit"):
            rows.write(inputs)


def test_a_bound_that_lies_beyond_fp32_bounds_nothing() -> None:
    assert decoded(b'{"features": [-3e38, 3e38]}', bounded(-1e39, 1e39)).rows == 1


def test_a_number_out_of_bounds_names_its_row() -> None:
    error = refusal(b'{"instances": [[0, 1], [0.5, 1], [0, -3]]}', bounded(0, 1))
    assert (error.message, error.given, error.index) == ("the number at position 1 is out of bounds", "-3", 2)


@pytest.mark.parametrize(("row", "asked"), [([0, 255], True), ([17, 2], True), ([0, 256], False), ([-0.5, 1], False)])
def test_pixels_that_were_not_divided_by_255_are_asked_about(*, row: list[float], asked: bool) -> None:
    error = refusal(orjson.dumps({"features": row}), bounded(0, 1))
    assert error.expected is not None
    assert ("should they be divided by 255?" in error.expected) == asked


def test_pixels_are_not_asked_about_where_the_bounds_are_others() -> None:
    assert refusal(b'{"features": [0, 200]}', bounded(0, 100)).expected == "numbers from 0 to 100"


@pytest.mark.parametrize("number", ["1e39", "-1e39", "3.5e38", "340282366920938463463374607431768211456"])
def test_a_number_that_fp32_cannot_hold_is_refused_and_fp64_takes_it(number: str) -> None:
    body = f'{{"instances": [[0, 0], [{number}, 0]]}}'.encode()
    error = refusal(body)
    assert error.message == "the number at position 0 does not fit FP32"
    assert (error.expected, error.index) == ("finite numbers within FP32", 1)
    wide = decoded(body, flat_signature(2, "FP64"))
    assert wide.inputs["x"].tolist() == [[0, 0], [float(number), 0]]


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1" * 400, "1" * 5000])
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_a_number_that_no_float_can_hold_is_refused(number: str, datatype: Any) -> None:
    error = refusal(f'{{"features": [0, {number}]}}'.encode(), flat_signature(2, datatype))
    assert error.expected == "finite numbers"


NUMBER_TEXTS = st.sampled_from(
    ["0", "-0", "0.0", "-0.0", "1", "1E0", "1e-400", "5e-324", "0.1", "1e38", "9007199254740993", "-7"]
)


@given(texts=st.lists(NUMBER_TEXTS, min_size=2, max_size=2))
def test_a_plain_body_and_one_that_says_nothing_more_in_other_words_give_the_same_rows(texts: list[str]) -> None:
    plain = f'{{"features": [{", ".join(texts)}]}}'.encode()
    other = f'{{"features": [{", ".join(texts)}], "user": null}}'.encode()
    assert decoded(plain).inputs["x"].tobytes() == decoded(other).inputs["x"].tobytes()


@pytest.mark.parametrize(
    "body",
    [
        b'{"features": [[1, 2], []]}',
        b'{"features": [[1], 2]}',
        b'{"features": [[], [], 1, 2]}',
        b'{"features": {"a": 1, "b": 2}}',
        b'{"features": [1, true]}',
        b'{"features": [1, null]}',
        b'{"features": [1, "2"]}',
        b'{"instances": [1, 2]}',
    ],
)
def test_what_only_looks_like_a_row_is_refused(body: bytes) -> None:
    refusal(body)


def test_a_body_with_a_byte_order_mark_is_refused() -> None:
    with pytest.raises(ClientError):
        decoded(b'\xef\xbb\xbf{"features": [1, 2]}')
