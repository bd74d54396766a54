"""The opening handshake of a WebSocket (RFC 6455, section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from websockets.utils import accept_key

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
VERSION = b"13"


def is_handshake(fields: Mapping[bytes, bytes]) -> bool:
    """Whether these header fields of a GET are those of a whole handshake; names are in lower case."""
    return (
        b"websocket" in _tokens(fields.get(b"upgrade", b""))
        and b"upgrade" in _tokens(fields.get(b"connection", b""))
        and fields.get(b"sec-websocket-version") == VERSION
        and _KEY.fullmatch(fields.get(b"sec-websocket-key", b"")) is not None
    )


def switching_protocols(key: bytes, fields: Iterable[tuple[bytes, bytes]], date_field: bytes) -> bytes:
    """The answer that accepts the handshake of a client with this key, and ends HTTP on its connection."""
    accepted = accept_key(key.decode("ascii")).encode()
    lines = [b"upgrade: websocket\r\n", b"connection: Upgrade\r\n", b"sec-websocket-accept: %b\r\n" % accepted]
    lines += [b"%b: %b\r\n" % field for field in fields]
    return b"HTTP/1.1 101 Switching Protocols\r\n%b%b\r\n" % (date_field, b"".join(lines))


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip().lower() for token in value.split(b",")]
