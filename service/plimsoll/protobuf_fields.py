"""Reads the fields of a protobuf message in place, without making objects of them.

The wire format is protobuf.dev's "Encoding". A gigabyte costs no more than a small field, because a field that nobody
asks for is skipped by its length.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10
_MORE = 0x80
"""The bit of a byte that another one follows."""
_LAST_FIELD = (1 << 29) - 1
_SIXTY_FOUR_BITS = (1 << 64) - 1


class NotProtobuf(Exception):
    """The bytes are no message that can be read."""


class FieldReader:
    """Reads messages that have at most `most_fields` fields together, so that reading them ends."""

    def __init__(self, most_fields: int) -> None:
        self._most_fields = most_fields
        self._left = most_fields

    def fields_of(self, message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """The fields of a message in order: each number with its integer, or with its bytes where it has a length.

        Numbers of fixed size are skipped. An integer is unsigned and has 64 bits.

        Raises:
            NotProtobuf: the message is cut short, has a wire type that proto3 does not have (groups), or there are too
                many fields.
        """
        at, end = 0, len(message)
        while at < end:
            self._spend()
            key, at = _varint(message, at)
            number, kind = key >> 3, key & 7
            if not 0 < number <= _LAST_FIELD:
                raise NotProtobuf(f"a field has the number {number}")
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
            if size > end - at:
                raise NotProtobuf("a field is longer than its message")
            if kind == _LENGTH:
                yield number, message[at : at + size]
            at += size

    def varints_of(self, packed: memoryview) -> Iterator[int]:
        """The integers of a packed field; each counts as one field.

        Raises:
            NotProtobuf: the last one is cut short, or there are too many.
        """
        at = 0
        while at < len(packed):
            self._spend()
            value, at = _varint(packed, at)
            yield value

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise NotProtobuf(f"it has more than {self._most_fields} fields")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The integer at a place, and the place after it."""
    try:
        byte = message[at]
        if byte < _MORE:  # most are this short
            return byte, at + 1
        value = byte & ~_MORE
        for offset in range(1, _LONGEST_VARINT):
            byte = message[at + offset]
            value |= (byte & ~_MORE) << (7 * offset)
            if byte < _MORE:
                return value & _SIXTY_FOUR_BITS, at + offset + 1
    except IndexError:
        pass
    raise NotProtobuf("an integer is cut short")
