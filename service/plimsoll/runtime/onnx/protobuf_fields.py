"""Reads the fields of a protobuf message in place, without making objects of them.

The wire format is protobuf.dev's "Encoding". A file of a gigabyte of weights is walked in microseconds, because a field
that nobody asks for is skipped by its length.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10
_MORE = 0x80
"""The bit of a byte that another one follows."""


class NotProtobuf(Exception):
    """The bytes are no message."""


def fields_of(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Every field of a message in order: its number, and its integer, or its bytes where it has a length.

    Numbers of fixed size come as their bytes.

    Raises:
        NotProtobuf: the message is cut short, or has what no ONNX file has (groups).
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise NotProtobuf("a field has the number 0")
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _LENGTH:
            size, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise NotProtobuf(f"a field has the wire type {kind}")
        if size > len(message) - at:
            raise NotProtobuf("a field is longer than its message")
        yield number, message[at : at + size]
        at += size


def varints_of(packed: memoryview) -> Iterator[int]:
    """The integers of a packed field.

    Raises:
        NotProtobuf: the last one is cut short.
    """
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The unsigned integer at a place, and the place after it."""
    value = 0
    for offset, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & ~_MORE) << (7 * offset)
        if not byte & _MORE:
            return value, at + offset + 1
    raise NotProtobuf("an integer is cut short")
