from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.api.inflating import ENCODINGS, inflate
from plimsoll.errors import BodyTooLarge, ClientError, MalformedBody

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@given(body=st.binary(max_size=200), encoding=st.sampled_from(ENCODINGS))
def test_a_body_comes_back_unless_it_is_cut(body: bytes, encoding: str) -> None:
    content = COMPRESS[encoding](body)
    assert inflate(content, encoding, len(body)) == body
    for length in range(len(content)):
        with pytest.raises(MalformedBody):
            inflate(content[:length], encoding, len(body))


@given(content=st.binary(max_size=60), encoding=st.sampled_from(ENCODINGS))
def test_any_bytes_are_a_body_or_a_clients_mistake(content: bytes, encoding: str) -> None:
    try:
        assert isinstance(inflate(content, encoding, 100), bytes)
    except ClientError as error:
        assert error.status in (400, 413)  # noqa: PT017  # either, and nothing else


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_bomb_is_not_inflated_beyond_the_longest_body(encoding: str) -> None:
    bomb = COMPRESS[encoding](b"\0" * 50_000_000)
    with pytest.raises(BodyTooLarge) as caught:
        inflate(bomb, encoding, 1000)
    assert caught.value.expected == "at most 1000 bytes"
