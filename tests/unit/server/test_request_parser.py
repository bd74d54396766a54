"""Requests and bodies come out of the bytes the same, however these are cut."""

from __future__ import annotations

import contextlib
import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientError, HeadTooLarge, MalformedRequest, RequestLineTooLong
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.request_parser import RequestParser

GET = b"GET /a HTTP/1.1\r\nHost: here\r\n\r\n"
SMALL = ConnectionLimits(head_bytes=300, head_fields=5, request_line_bytes=60)
Request = tuple[str, bytes, bytes]


def post(body: bytes, chunks: list[int] | None = None, trailers: bytes = b"") -> bytes:
    """A request with that body, in chunks of these sizes where they are given."""
    head = b"POST /b HTTP/1.1\r\nHost: here\r\n"
    if chunks is None:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    framed, at = b"", 0
    for size in [*chunks, len(body)]:
        part = body[at : at + size]
        at += size
        if part:
            framed += b"%x\r\n%b\r\n" % (len(part), part)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n" + trailers + b"\r\n"


def requests_of(packets: list[bytes], limits: ConnectionLimits | None = None) -> list[Request]:
    """Method, target and body of each request that is complete."""
    parser = RequestParser(limits or ConnectionLimits())
    found: list[Request] = []
    current: tuple[str, bytes] | None = None
    body = b""
    for packet in packets:
        parser.receive(packet)
        while True:
            if parser.in_body:
                body += parser.next_part()
                while parser.stopped_early:
                    body += parser.next_part()
                if parser.in_body:
                    break
            if current is not None:
                found.append((*current, body))
                current, body = None, b""
            head = parser.next_head() if parser.waiting_bytes else None
            if head is None:
                break
            current = (head.method, head.target)
    return found


def cut(data: bytes, edges: set[int]) -> list[bytes]:
    places = [0, *sorted(edge % (len(data) + 1) for edge in edges), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places) if end > start]


bodies = st.binary(min_size=1, max_size=400)
sent_requests = st.one_of(
    st.just((GET, ("GET", b"/a", b""))),
    bodies.map(lambda body: (post(body), ("POST", b"/b", body))),
    st.builds(
        lambda body, chunks, trailers: (post(body, chunks, trailers), ("POST", b"/b", body)),
        bodies,
        st.lists(st.integers(1, 90), max_size=5),
        st.sampled_from([b"", b"X: a\r\n", b"Host: evil\r\nY: b\r\n"]),
    ),
)


@given(
    sent=st.lists(sent_requests, max_size=4),
    edges=st.sets(st.integers(0, 4000), max_size=20),
    blank=st.sampled_from([b"", b"\r\n", b"\r\n\r\n"]),
)
def test_however_the_bytes_are_cut(sent: list[tuple[bytes, Request]], edges: set[int], blank: bytes) -> None:
    data = b"".join(blank + request for request, _ in sent)
    assert requests_of(cut(data, edges)) == [expected for _, expected in sent]
    assert requests_of([bytes([byte]) for byte in data]) == [expected for _, expected in sent]


@given(frame=st.text("0123456789abcxX;=\"' \t\r\n\x00", max_size=14).map(str.encode))
def test_no_chunk_is_accepted_that_another_parser_refuses(frame: bytes) -> None:
    head = b"POST /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    try:
        ours = requests_of([head + frame + b"\r\n0\r\n\r\n"])
    except ClientError:
        return
    strict = h11.Connection(h11.SERVER)
    strict.receive_data(head + frame + b"\r\n0\r\n\r\n")
    theirs: list[bytes] = []
    while not isinstance(event := strict.next_event(), h11.EndOfMessage) and event is not h11.NEED_DATA:
        if isinstance(event, h11.Data):
            theirs.append(bytes(event.data))
    if ours:
        assert b"".join(theirs) == ours[0][2]


@pytest.mark.parametrize(
    "framing",
    [
        *(b"x\r\n", b"-1\r\n", b"0x1\r\na\r\n", b" 1\r\na\r\n", b"1 \r\na\r\n", b"+1\r\na\r\n", b"\r\n", b"1\na\r\n"),
        *(b"1\r\nab\r\n", b"1\r\na\n0\r\n\r\n", b"1\r\na\r0\r\n\r\n", b"f" * 16 + b"\r\n", b"1;\r\na\r\n", b"1;a=\n"),
        *(
            b'1;a="\r\n"\r\n',
            b"1;a b\r\n",
            b"1;" + b"a" * 2000,
            b"0\r\nX\r\n\r\n",
            b"0\r\n X: a\r\n\r\n",
            b"0\r\nX: \x00\r\n\r\n",
        ),
    ],
)
def test_malformed_chunks_are_refused(framing: bytes) -> None:
    with pytest.raises(MalformedRequest):
        requests_of([b"POST /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + framing])


@pytest.mark.parametrize(
    "framing", [b"1;a\r\nx\r\n0\r\n\r\n", b'1;a=b;c="d e"\r\nx\r\n0;e\r\n\r\n', b"001\r\nx\r\n00\r\n\r\n"]
)
def test_extensions_of_chunks_are_skipped(framing: bytes) -> None:
    sent = b"POST /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + framing
    assert requests_of([sent]) == [("POST", b"/b", b"x")]


def test_a_body_that_is_mostly_framing_is_refused() -> None:
    body = b"a" * 30_000
    assert requests_of([post(body, [16] * 2000)]) == [("POST", b"/b", body)]
    with pytest.raises(MalformedRequest, match="too small"):
        requests_of([post(body, [1] * 30_000)])


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"GET /" + b"a" * 100, RequestLineTooLong),
        (GET[:-2] + b"X: " + b"a" * 300, HeadTooLarge),
        (GET[:-2] + b"X: a\r\n" * 60, HeadTooLarge),
        (b"\r\n" * 9, HeadTooLarge),
        (post(b"a", [], b"X: a\r\n" * 60), HeadTooLarge),
        (post(b"a", [], b"X: a\r\n" * 6), HeadTooLarge),
        (post(b"a", [])[:-2] + b"X: " + b"a" * 400, HeadTooLarge),
        (b"\x16\x03\x01\x00\xa5\x01", MalformedRequest),
        (b"GET /livez HTTP/1.1\nHost: x\n\n", MalformedRequest),
        (b"GET / HTTP/1.1\r\nHost: x\nX: ", MalformedRequest),
        (b"\nGET", MalformedRequest),
        (b" GET", MalformedRequest),
    ],
)
@pytest.mark.parametrize("packet_bytes", [1, 7, 10_000])
def test_what_cannot_become_a_request_is_refused_before_it_ends(
    sent: bytes, error: type[ClientError], packet_bytes: int
) -> None:
    packets = [sent[at : at + packet_bytes] for at in range(0, len(sent), packet_bytes)]
    with pytest.raises(error):
        requests_of(packets, SMALL)


def test_what_waits_is_counted() -> None:
    parser = RequestParser(ConnectionLimits())
    parser.receive(GET * 3)
    assert (parser.holds_heads(3), parser.holds_heads(4)) == (True, False)
    parser.next_head()
    assert (parser.waiting_bytes, parser.in_body, parser.body_bytes_left) == (len(GET) * 2, False, 0)
    assert (parser.holds_heads(2), parser.holds_heads(3)) == (True, False)
    parser.clear()
    assert parser.waiting_bytes == 0


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (b"POST /v2/models/a/infer HTTP/1.1\r\nContent-Length: x\r\n\r\n", "/v2/models/a/infer"),
        (b"GET /" + b"a" * 9000, "/" + "a" * 507), (b"GET", ""), (b"", ""), (b"\x16\x03\x01 \xff /v2", "\xff"),
    ],
)  # fmt: skip
def test_a_head_that_is_refused_still_names_its_path(sent: bytes, path: str) -> None:
    parser = RequestParser(ConnectionLimits())
    parser.receive(sent)
    with contextlib.suppress(ClientError):
        parser.next_head()
    assert parser.waiting_path == path
