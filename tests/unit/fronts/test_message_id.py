"""The id of a message: what can be repeated in an answer, and nothing else."""

from __future__ import annotations

import pytest
from plimsoll.fronts.message_id import message_id


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"id": "a", "features": [1]}', "a"),
        (b'{"id": "' + b"\\u00e4" * 128 + b'"}', "ä" * 128),
        (b'{"id": -9223372036854775807}', -9223372036854775807),
        (b'{"id": 0}', 0),
    ],
)
def test_texts_and_whole_numbers_are_ids(body: bytes, expected: object) -> None:
    assert message_id(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[1]", b"{}",
        b'{"id": null}', b'{"id": true}', b'{"id": 1.5}', b'{"id": ["a"]}', b'{"id": 9223372036854775808}',
        b'{"id": "' + b"a" * 129 + b'"}', b'{"id": "' + b"a" * 1_000_000 + b'"}', b'{"id": "a"', b'{"id": "\xff"}',
        b'{"id": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_none(body: bytes) -> None:
    assert message_id(body) is None
