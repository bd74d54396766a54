"""The id of a message of a session. Not compiled: msgspec reads the annotations, which a compiled class has not."""

from __future__ import annotations

import msgspec

_LONGEST = 128
_LONGEST_RAW = 6 * _LONGEST + 2
"""In JSON, with every character escaped."""
_LARGEST = 2**63
ID_FORM = f"'id' with a text of at most {_LONGEST} characters, or a whole number of 64 bits"


class _Named(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw(b"null")


_decoder = msgspec.json.Decoder(_Named)


def message_id(body: bytes) -> str | int | None:
    """The id of a JSON object, right or wrong; `None` where it has none that can be repeated. Nothing else is kept."""
    try:
        raw = _decoder.decode(body).id
        found = msgspec.json.decode(raw) if len(bytes(raw)) <= _LONGEST_RAW else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(found, str):
        return found if len(found) <= _LONGEST else None
    if isinstance(found, int) and not isinstance(found, bool):
        return found if abs(found) < _LARGEST else None
    return None
