"""Inflates compressed bodies."""

from __future__ import annotations

import zlib

from plimsoll.errors import BodyTooLarge, MalformedBody

_WINDOW_BITS = {"gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
"""For zlib: 16 more read the frame of gzip (RFC 1952); deflate has that of zlib (RFC 9110, section 8.4.1.2)."""
ENCODINGS = tuple(_WINDOW_BITS)
"""The content codings that `inflate` reads."""


def inflate(content: bytes, encoding: str, longest: int) -> bytes:
    """The body that was compressed; stops as soon as it is longer than `longest` bytes. Blocks for a long one.

    Raises:
        MalformedBody: the bytes are not in this encoding, end too early, or go on after the end.
        BodyTooLarge: the body is longer than `longest`.
    """
    inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        body = inflater.decompress(content, longest + 1)
    except zlib.error:
        raise _fault("the body is not compressed as Content-Encoding says", encoding) from None
    if len(body) > longest:
        raise BodyTooLarge(
            "the body is too long once it is inflated", expected=f"at most {longest} bytes", given="more bytes"
        )
    if not inflater.eof:
        raise _fault("the compressed body is cut short", encoding)
    if inflater.unused_data:
        raise _fault("the compressed body goes on after its end", encoding)
    return body


def _fault(message: str, encoding: str) -> MalformedBody:
    return MalformedBody(message, code="not_compressed", expected=f"one whole {encoding} stream")
