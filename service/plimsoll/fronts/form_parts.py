"""Splits a form of multipart/form-data into its parts, in memory. Imported only where one is read."""

from __future__ import annotations

import logging
from typing import NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from plimsoll.errors import InvalidInput, MalformedBody

_FORM = "a form of multipart/form-data (RFC 7578)"
_LONGEST_BOUNDARY = 256
_DISPOSITION = b"content-disposition"

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
"""It writes bytes of the body into its messages."""


class FormPart(NamedTuple):
    """One part of a form: a file, if it has a file name, or a media type of pictures; or else a plain field."""

    name: str
    is_file: bool
    content: bytes


def parts_of(content_type: str, body: bytes, most: int) -> list[FormPart]:
    """The parts of a body, in their order.

    Raises:
        MalformedBody: the head names no boundary, or the body is no whole form.
        InvalidInput: it has more than `most` parts.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise MalformedBody(
            "the form has no boundary", code="not_multipart", expected="Content-Type: multipart/form-data; boundary=..."
        )
    reader = _FormReader(most)
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": reader.begin,
            "on_header_field": reader.header_name,
            "on_header_value": reader.header_value,
            "on_header_end": reader.end_header,
            "on_part_data": reader.data,
            "on_part_end": reader.end,
            "on_end": reader.complete,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise MalformedBody("the body is no form that can be read", code="not_multipart", expected=_FORM) from None
    if not reader.whole:
        raise MalformedBody("the form ends before its last boundary", code="not_multipart", expected=_FORM)
    return reader.parts


class _FormReader:
    """Takes what the parser finds."""

    def __init__(self, most: int) -> None:
        self.parts: list[FormPart] = []
        self.whole = False
        self._most = most
        self._name, self._value = bytearray(), bytearray()
        self._head: dict[bytes, bytes] = {}
        self._content: list[memoryview] = []

    def begin(self) -> None:
        """A part begins."""
        if len(self.parts) == self._most:
            raise InvalidInput("the form has too many parts", expected=f"at most {self._most - 1} files")
        self._head, self._content = {}, []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        """A piece of the name of a header field."""
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        """A piece of its value."""
        self._value += data[start:end]

    def end_header(self) -> None:
        """A header field is complete."""
        self._head[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def data(self, data: bytes, start: int, end: int) -> None:
        """A piece of the content."""
        self._content.append(memoryview(data)[start:end])

    def end(self) -> None:
        """A part is complete."""
        _, options = parse_options_header(self._head.get(_DISPOSITION, b"").decode("latin-1"))
        is_picture = self._head.get(b"content-type", b"").lower().startswith(b"image/")
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self.parts.append(FormPart(name, b"filename" in options or is_picture, b"".join(self._content)))

    def complete(self) -> None:
        """The last boundary has come."""
        self.whole = True
