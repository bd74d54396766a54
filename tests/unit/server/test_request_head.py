"""What counts as the head of a request, and what is refused because two readers could understand it differently."""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from plimsoll.errors import ClientError, HeadTooLarge, MalformedRequest, RequestLineTooLong
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.request_head import CHUNKED, RequestHead, parse_head

LIMITS = ConnectionLimits()
LINE = b"POST /v1/predict HTTP/1.1"
HOST = b"Host: here"


def head(*lines: bytes, line: bytes = LINE) -> RequestHead:
    return parse_head(b"\r\n".join([line, *lines]), LIMITS)


def test_a_plain_head() -> None:
    found = head(HOST, b"Content-Type: application/json", b"X-Note:  \t two words \t", b"Content-Length: 12")
    assert (found.method, found.target, found.query, found.version) == ("POST", b"/v1/predict", b"", "1.1")
    assert found.fields == [
        (b"host", b"here"),
        (b"content-type", b"application/json"),
        (b"x-note", b"two words"),
        (b"content-length", b"12"),
    ]
    assert (found.body_bytes, found.keep_alive, found.expects_continue) == (12, True, False)


@pytest.mark.parametrize(
    ("line", "path", "query", "host"),
    [
        (b"GET / HTTP/1.1", b"/", b"", b"here"),
        (b"GET /a?b=c?d HTTP/1.1", b"/a", b"b=c?d", b"here"),
        (b"GET //a HTTP/1.1", b"//a", b"", b"here"),
        (b"GET http://there/a?b HTTP/1.1", b"/a", b"b", b"there"),
        (b"GET HTTP://there:8000 HTTP/1.1", b"/", b"", b"there:8000"),
        (b"GET http://there?b HTTP/1.1", b"/", b"b", b"there"),
        (b"OPTIONS * HTTP/1.1", b"*", b"", b"here"),
        (b"FOO-BAR_2 /a HTTP/1.1", b"/a", b"", b"here"),
    ],
)
def test_targets(line: bytes, path: bytes, query: bytes, host: bytes) -> None:
    found = head(HOST, line=line)
    assert (found.target, found.query, dict(found.fields)[b"host"]) == (path, query, host)


@pytest.mark.parametrize(
    ("fields", "keep_alive"),
    [
        ((), True),
        ((b"Connection: keep-alive",), True),
        ((b"Connection: close",), False),
        ((b"Connection: Keep-Alive, CLOSE",), False),
        ((b"Connection: x", b"Connection: close"), False),
        ((b"Connection: closed",), True),
    ],
)
def test_whether_another_request_may_follow(fields: tuple[bytes, ...], keep_alive: bool) -> None:
    assert head(HOST, *fields).keep_alive is keep_alive


def test_an_old_client_gets_one_answer_and_may_leave_out_the_host() -> None:
    found = head(b"Connection: keep-alive", line=b"GET / HTTP/1.0")
    assert (found.version, found.keep_alive) == ("1.0", False)


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED \t"])
def test_a_chunked_body(value: bytes) -> None:
    assert head(HOST, b"Transfer-Encoding: " + value).body_bytes == CHUNKED


@pytest.mark.parametrize(
    ("value", "expects"), [(b"100-continue", True), (b"100-Continue", True), (b"200-maybe", False)]
)
def test_a_client_that_waits_to_be_asked_for_its_body(value: bytes, expects: bool) -> None:
    assert head(HOST, b"Expect: " + value, b"Content-Length: 1").expects_continue is expects


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"GET", b"GET /", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET  / HTTP/1.1", b"GET /  HTTP/1.1"),
        *(b"get / HTTP/1.1", b"G\tT / HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /a#b HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1"),
        *(b"GET /\x00 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET a HTTP/1.1", b"GET * HTTP/1.1", b"GET / http/1.1"),
        *(
            b"GET / HTTP/1.2",
            b"GET / HTTP/0.9",
            b"GET / HTTP/2.0",
            b"GET / HTTP/11",
            b"GET / HTTP/1.10",
            b"GET / XTTP/1.1",
        ),
        *(
            b"CONNECT here:80 HTTP/1.1",
            b"GET ftp://a/ HTTP/1.1",
            b"GET http:///a HTTP/1.1",
            b"GET http://a@b/ HTTP/1.1",
        ),
        *(b"GET / HTTP/1.1\r", b"GET /\n HTTP/1.1", b"A" * 33 + b" / HTTP/1.1"),
    ],
)
def test_a_malformed_request_line_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedRequest):
        head(HOST, line=line)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (HOST, HOST),
        (HOST, b"Host: there"),
        (b"Host: he re",),
        (b"Host: here/there",),
        (b"Host: user@here",),
        (b" Host: here",),
        (HOST, b"Content-Length: 1", b"Content-Length: 1"),
        (HOST, b"Content-Length: 1", b"Content-Length: 2"),
        (HOST, b"Content-Length: 1, 1"),
        *(
            (HOST, b"Content-Length: " + value)
            for value in (b"", b"+1", b"-1", b"1 1", b"0x1", b"1_0", b"1.0", b"\xb2")
        ),
        (HOST, b"Content-Length: " + b"9" * 16),
        (HOST, b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (HOST, b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        *(
            (HOST, b"Transfer-Encoding: " + value)
            for value in (b"", b"gzip", b"gzip, chunked", b"chunked, identity", b"xchunked", b"chunked;a", b'"chunked"')
        ),
        (HOST, b"Transfer-Encoding:\x0bchunked"),
        (HOST, b"Transfer-Encoding : chunked"),
        (HOST, b"Transfer-Encoding:", b" chunked"),
        *(
            (HOST, line)
            for line in (b"X", b": a", b"X Y: a", b"X: a\x00", b"X\x00: a", b"X: a\rb", b"X: a\nY: b", b"X: \x7f")
        ),
        (HOST, b""),
        (HOST, b"(X): a"),
        (HOST, b"X\xe9: a"),
        (HOST, b"Content-Type: a", b"Content-Type: b"),
        (HOST, b"Expect: 100-continue", b"Expect: 100-continue"),
        *((HOST, name + b": a", name + b": b") for name in (b"Authorization", b"X-API-Key", b"Origin")),
    ],
)
def test_malformed_fields_are_refused(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(MalformedRequest) as caught:
        head(*fields)
    assert caught.value.expected


def test_the_bounds_of_a_head() -> None:
    limits = ConnectionLimits(head_bytes=200, head_fields=3, request_line_bytes=30)
    fits = b"\r\n".join([LINE, HOST, b"A: b", b"B: " + b"c" * 10])
    assert len(parse_head(fits, limits).fields) == 3
    with pytest.raises(HeadTooLarge, match="too many"):
        parse_head(fits + b"\r\nC: d", limits)
    with pytest.raises(HeadTooLarge, match="too long"):
        parse_head(fits + b"c" * 200, limits)
    with pytest.raises(RequestLineTooLong):
        parse_head(b"GET /" + b"a" * 30 + b" HTTP/1.1\r\nHost: here", limits)


class Seen:
    """What llhttp, which Node.js and uvicorn use, makes of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = 0
        self._heads = 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method = parser.get_method().decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._heads:
            self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._heads += 1

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.complete += 1


names = st.sampled_from(
    ["Host", "Content-Length", "Transfer-Encoding", "Connection", "X-A", "content-length", "Expect", "Cookie", "TE"]
).map(str.encode)
values = st.one_of(
    st.sampled_from(
        [b"here", b"0", b"3", b"03", b"+3", b"3, 3", b"chunked", b"gzip, chunked", b"close", b"100-continue"]
    ),
    st.binary(max_size=6),
    st.text("ab \t,;=:\x0b\x00\r\n", max_size=6).map(str.encode),
)
separators = st.sampled_from([b": ", b":", b" :", b":\t ", b""])
lines = st.sampled_from([LINE, b"GET / HTTP/1.1", b"GET /a?b HTTP/1.0", b"GET http://a/ HTTP/1.1", b"GET /  HTTP/1.1"])


@given(line=lines, fields=st.lists(st.tuples(names, separators, values), max_size=4), hosted=st.booleans())
@example(line=LINE, fields=[(b"Transfer-Encoding", b": ", b"chunked"), (b"Content-Length", b": ", b"3")], hosted=True)
def test_what_is_accepted_other_parsers_read_the_same_way(
    line: bytes, fields: list[tuple[bytes, bytes, bytes]], hosted: bool
) -> None:
    head_lines = [line, *([HOST] if hosted else []), *(b"".join(field) for field in fields)]
    sent = b"\r\n".join(head_lines)
    try:
        ours = parse_head(sent, LIMITS)
    except ClientError:
        return
    body = {0: b"", CHUNKED: b"3\r\nabc\r\n0\r\n\r\n"}.get(ours.body_bytes, b"a" * ours.body_bytes)
    assume(len(body) < 1000)
    strict = h11.Connection(h11.SERVER)
    strict.receive_data(sent + b"\r\n\r\n" + body)
    request = strict.next_event()
    assert isinstance(request, h11.Request)
    assert request.method.decode() == ours.method
    absolute = request.target.startswith(b"http")
    assert [(n, v) for n, v in request.headers if n != b"host"] == [(n, v) for n, v in ours.fields if n != b"host"]
    data = b""
    while not isinstance(event := strict.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        data += event.data
    assert data == (b"abc" if ours.body_bytes == CHUNKED else body)
    loose = Seen(sent + b"\r\n\r\n" + body)
    assert (loose.method, loose.body, loose.complete) == (ours.method, data, 1)
    if not absolute:
        assert loose.fields == ours.fields
