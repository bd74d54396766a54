"""Tests that the end of a body is found, however its bytes are split into packets."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import HeadTooLarge, MalformedRequest
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.request_body import ChunkedBody, SizedBody

LIMITS = ConnectionLimits(head_bytes=1024, head_fields=8)
NEXT = b"GET / HTTP/1.1\r\n"


def fed(body: SizedBody | ChunkedBody, packets: list[bytes]) -> tuple[bytes, bytes]:
    """The data of the body, and the bytes after its end; the rest is fed again with the next packet."""
    data, waiting = b"", b""
    for packet in packets:
        waiting += packet
        while waiting and not body.complete:
            part, taken = body.feed(waiting)
            data, waiting = data + part, waiting[taken:]
            if not body.stopped_early:
                break
    return data, waiting


def cut(sent: bytes, edges: set[int]) -> list[bytes]:
    places = [0, *sorted(edge % (len(sent) + 1) for edge in edges), len(sent)]
    return [sent[begin:end] for begin, end in itertools.pairwise(places)]


@given(st.binary(max_size=300), st.sets(st.integers(0, 400), max_size=6))
def test_a_sized_body_ends_where_the_head_said(content: bytes, edges: set[int]) -> None:
    body = SizedBody(len(content))
    assert fed(body, cut(content + NEXT, edges)) == (content, NEXT)
    assert body.complete
    assert body.left == 0


@given(st.lists(st.binary(min_size=16, max_size=80), max_size=6), st.sets(st.integers(0, 700), max_size=8))
def test_a_chunked_body_is_its_chunks(chunks: list[bytes], edges: set[int]) -> None:
    framed = b"".join(b"%x;name=value\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nX-T: 1\r\n\r\n"
    body = ChunkedBody(LIMITS)
    assert fed(body, cut(framed + NEXT, edges)) == (b"".join(chunks), NEXT)
    assert body.complete


def test_of_many_small_chunks_so_many_are_taken_at_once() -> None:
    framed = b"1\r\na\r\n" * 150
    body = ChunkedBody(LIMITS)
    data, taken = body.feed(framed)
    assert body.stopped_early
    assert len(data) in (99, 100)
    rest, _ = body.feed(framed[taken:])
    assert (data + rest, body.stopped_early) == (b"a" * 150, False)


@pytest.mark.parametrize(
    "framed", [b"g\r\n", b"1\n", b"-1\r\n", b"1\r\nab", b" 1\r\n", b"1" * 2000, b"1" * 20 + b"\r\n"]
)
def test_chunks_that_are_malformed_are_refused(framed: bytes) -> None:
    with pytest.raises(MalformedRequest, match="malformed"):
        ChunkedBody(LIMITS).feed(framed)


def test_a_body_that_is_mostly_framing_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="too small"):
        fed(ChunkedBody(LIMITS), [b"1\r\na\r\n" * 1000])


@pytest.mark.parametrize("trailers", [b"X: " + b"a" * 2000, b"X: 1\r\n" * 9])
def test_trailers_have_the_bounds_of_a_head(trailers: bytes) -> None:
    with pytest.raises(HeadTooLarge):
        ChunkedBody(LIMITS).feed(b"0\r\n" + trailers)
