from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from plimsoll.protobuf_fields import FieldReader, NotProtobuf

MANY = 1000


def fields(content: bytes, most: int = MANY) -> list[tuple[int, int | bytes]]:
    reader = FieldReader(most)
    return [
        (number, value if isinstance(value, int) else bytes(value))
        for number, value in reader.fields_of(memoryview(content))
    ]


def test_the_fields_of_a_message_come_in_order() -> None:
    tensor = TensorProto(name="w", data_type=1, raw_data=b"abcd")
    assert fields(tensor.SerializeToString()) == [(2, 1), (8, b"w"), (9, b"abcd")]


@given(st.integers(0, (1 << 64) - 1))
def test_an_integer_is_read_as_protobuf_writes_it(number: int) -> None:
    signed = number - (1 << 64) if number >= 1 << 63 else number
    tensor = TensorProto(dims=[signed])
    content = tensor.SerializeToString()
    if content[0] & 7 == 2:
        ((_, packed),) = fields(content)
        assert isinstance(packed, bytes)
        assert list(FieldReader(MANY).varints_of(memoryview(packed))) == [number]
    else:
        assert fields(content) == [(1, number)]


def test_numbers_of_fixed_size_are_skipped() -> None:
    assert fields(b"\x09" + bytes(8) + b"\x15" + bytes(4) + b"\x18\x05") == [(3, 5)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x0b", "a field has the wire type 3"),
        (b"\x0f", "a field has the wire type 7"),
        (b"\x00\x00", "a field has the number 0"),
        (b"\x80\x80\x80\x80\x10\x00", "a field has the number 536870912"),
        (b"\x0a\x05abcd", "a field is longer than its message"),
        (b"\x09\x00", "a field is longer than its message"),
        (b"\x08", "an integer is cut short"),
        (b"\x08\x80", "an integer is cut short"),
        (b"\x08" + b"\xff" * 11, "an integer is cut short"),
    ],
)
def test_bytes_that_are_no_message_are_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(NotProtobuf, match=sentence):
        fields(content)


def test_more_fields_than_allowed_are_refused() -> None:
    assert len(fields(b"\x08\x01" * 5, most=5)) == 5
    with pytest.raises(NotProtobuf, match="it has more than 5 fields"):
        fields(b"\x08\x01" * 6, most=5)
    with pytest.raises(NotProtobuf, match="it has more than 5 fields"):
        list(FieldReader(5).varints_of(memoryview(bytes(6))))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        read = fields(content)
    except NotProtobuf:
        return
    assert sum(len(value) if isinstance(value, bytes) else 1 for _, value in read) <= len(content)
