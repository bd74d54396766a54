"""Request lines, and what can come before them."""

from __future__ import annotations

from tests.hostile.form import HOST, INNER, ROW, Form, head, sized

OK, BAD, NOT_FOUND, NOT_ALLOWED, TOO_LONG, HEAD_TOO_LARGE = (200,), (400,), (404,), (405,), (414,), (431,)
_LONGEST_LINE = 8192


def _line(line: bytes) -> bytes:
    return head(line, HOST)


def _kept(name: str, line: bytes, statuses: tuple[int, ...] = OK) -> Form:
    return Form(name, _line(line), statuses)


def _refused(name: str, line: bytes, statuses: tuple[int, ...] = BAD) -> Form:
    return Form(name, _line(line), statuses, kept=False)


def _padded(path: bytes, line_bytes: int) -> bytes:
    """A request line of so many bytes."""
    rest = len(b"GET  HTTP/1.1") + len(path)
    return b"GET %b HTTP/1.1" % (path + b"a" * (line_bytes - rest))


UNDERSTOOD = (
    _kept("a plain GET", b"GET /livez HTTP/1.1"),
    _kept("a query", b"GET /livez?a=b&c=%00?d HTTP/1.1"),
    _kept("an empty query", b"GET /livez? HTTP/1.1"),
    _kept("percent-encoding", b"GET /%6Civez HTTP/1.1"),
    _kept("a broken percent-encoding", b"GET /v1/models/%zz%ff%ED%A0%80 HTTP/1.1", NOT_FOUND),
    _kept("an encoded NUL", b"GET /livez%00 HTTP/1.1", NOT_FOUND),
    _kept("an encoded line end", b"GET /v1/models/a%0d%0aX-Request-Id:%20inner HTTP/1.1", NOT_FOUND),
    _kept("an encoded slash", b"GET /v1%2fmodels HTTP/1.1"),
    _kept("two slashes", b"GET //livez HTTP/1.1", NOT_FOUND),
    _kept("dot segments", b"GET /v1/x/../models HTTP/1.1", NOT_FOUND),
    _kept("encoded dot segments", b"GET /v1/x/%2e%2e/models HTTP/1.1", NOT_FOUND),
    _kept("an absolute target", b"GET http://localhost/livez HTTP/1.1"),
    _kept("an absolute target with a port", b"GET HTTP://localhost:80/livez?a HTTP/1.1"),
    _kept("an absolute target without a path", b"GET http://localhost HTTP/1.1"),
    _kept("a method nobody knows", b"FOO-BAR_2 /livez HTTP/1.1", NOT_ALLOWED),
    _kept("the longest method", b"A" * 32 + b" /livez HTTP/1.1", NOT_ALLOWED),
    _kept("TRACE", b"TRACE /livez HTTP/1.1", NOT_ALLOWED),
    _kept("DELETE", b"DELETE /v1/predict HTTP/1.1", NOT_ALLOWED),
    _kept("GET where POST is meant", b"GET /v1/predict HTTP/1.1", NOT_ALLOWED),
    _kept("CONNECT to a path", b"CONNECT /v1/predict HTTP/1.1", NOT_ALLOWED),
    _kept("OPTIONS for the server", b"OPTIONS * HTTP/1.1", NOT_FOUND),
    _kept("the longest request line", _padded(b"/livez?", _LONGEST_LINE)),
    Form("HTTP/1.0 without a Host", head(b"GET /livez HTTP/1.0"), OK, kept=False),
    Form("HTTP/1.0 that would stay", head(b"GET /livez HTTP/1.0", b"Connection: keep-alive"), OK, kept=False),
    Form("HTTP/1.0 with a body", sized(ROW, line=b"POST /v1/predict HTTP/1.0"), OK, kept=False),
    Form("one empty line before", b"\r\n" + _line(b"GET /livez HTTP/1.1"), OK),
    Form("eight empty lines before", b"\r\n" * 8 + _line(b"GET /livez HTTP/1.1"), OK),
    Form("a last request", head(b"GET /livez HTTP/1.1", HOST, b"Connection: close"), OK, kept=False),
    Form("a last request among options", head(b"GET /livez HTTP/1.1", HOST, b"Connection: a, Close"), OK, kept=False),
    Form(
        "options in two fields",
        head(b"GET /livez HTTP/1.1", HOST, b"Connection: close", b"Connection: a"),
        OK,
        kept=False,
    ),
)

REFUSED = (
    _refused("no version", b"GET /livez"),
    _refused("no version but its space", b"GET /livez "),
    _refused("no target", b"GET HTTP/1.1"),
    _refused("an empty target", b"GET  HTTP/1.1"),
    _refused("a method alone", b"GET"),
    _refused("HTTP/0.9 by name", b"GET /livez HTTP/0.9"),
    _refused("HTTP/1.2", b"GET /livez HTTP/1.2"),
    _refused("HTTP/1.10", b"GET /livez HTTP/1.10"),
    _refused("HTTP/01.1", b"GET /livez HTTP/01.1"),
    _refused("HTTP/1", b"GET /livez HTTP/1"),
    _refused("HTTP/2.0", b"GET /livez HTTP/2.0"),
    _refused("HTTP/9.9", b"GET /livez HTTP/9.9"),
    _refused("a version in lower case", b"GET /livez http/1.1"),
    _refused("another protocol", b"GET /livez RTSP/1.0"),
    _refused("a space within the version", b"GET /livez HTTP/ 1.1"),
    _refused("a method in lower case", b"get /livez HTTP/1.1"),
    _refused("a method with a tab", b"GE\tT /livez HTTP/1.1"),
    _refused("a method that is too long", b"A" * 33 + b" /livez HTTP/1.1"),
    _refused("two spaces before the target", b"GET  /livez HTTP/1.1"),
    _refused("two spaces behind the target", b"GET /livez  HTTP/1.1"),
    _refused("tabs for spaces", b"GET\t/livez\tHTTP/1.1"),
    _refused("a form feed for a space", b"GET\x0c/livez HTTP/1.1"),
    _refused("a space before", b" GET /livez HTTP/1.1"),
    _refused("a space behind", b"GET /livez HTTP/1.1 "),
    _refused("a space in the target", b"GET /li vez HTTP/1.1"),
    _refused("a fragment", b"GET /livez#a HTTP/1.1"),
    _refused("a NUL in the target", b"GET /livez\x00 HTTP/1.1"),
    _refused("a DEL in the target", b"GET /livez\x7f HTTP/1.1"),
    _refused("UTF-8 in the target", "GET /é HTTP/1.1".encode()),
    _refused("a bare CR in the target", b"GET /livez\rX HTTP/1.1"),
    _refused("a bare CR behind the line", b"GET /livez HTTP/1.1\r"),
    _refused("a relative target", b"GET livez HTTP/1.1"),
    _refused("a target with a backslash first", b"GET \\livez HTTP/1.1"),
    _refused("a star", b"GET * HTTP/1.1"),
    _refused("a host for a target", b"GET localhost:80 HTTP/1.1"),
    _refused("a target of another scheme", b"GET ftp://localhost/livez HTTP/1.1"),
    _refused("an absolute target without a host", b"GET http:///livez HTTP/1.1"),
    _refused("an absolute target with a user", b"GET http://a@localhost/livez HTTP/1.1"),
    _refused("a tunnel", b"CONNECT localhost:80 HTTP/1.1"),
    _refused("a line that is too long", _padded(b"/livez?", _LONGEST_LINE + 1), TOO_LONG),
    Form("a line without an end", b"GET /" + b"a" * 2 * _LONGEST_LINE, TOO_LONG, kept=False),
    Form("HTTP/0.9", b"GET /livez\r\n" + INNER, BAD, kept=False),
    Form("a bare LF behind the line", b"GET /livez HTTP/1.1\nHost: localhost\r\n\r\n", BAD, kept=False),
    Form("bare LFs everywhere", b"GET /livez HTTP/1.1\nHost: localhost\n\n", BAD, kept=False),
    Form("a bare LF before", b"\n" + _line(b"GET /livez HTTP/1.1"), BAD, kept=False),
    Form("a bare CR before", b"\r" + _line(b"GET /livez HTTP/1.1"), BAD, kept=False),
    Form("nine empty lines before", b"\r\n" * 9 + _line(b"GET /livez HTTP/1.1"), HEAD_TOO_LARGE, kept=False),
    Form("a byte-order mark before", b"\xef\xbb\xbf" + _line(b"GET /livez HTTP/1.1"), BAD, kept=False),
    Form("a NUL before", b"\x00" + _line(b"GET /livez HTTP/1.1"), BAD, kept=False),
    Form("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), BAD, kept=False),
    Form("TLS", bytes.fromhex("16030100a5010000a10303") + b"\xa5" * 160, BAD, kept=False),
    Form("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", BAD, kept=False),
    Form("a PROXY line", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + INNER, BAD, kept=False),
    Form("Redis", b"*1\r\n$4\r\nPING\r\n", BAD, kept=False),
    Form("SMTP", b"EHLO localhost\r\n" + INNER, BAD, kept=False),
)
"""Nothing behind any of these is read as a request."""

FORMS = UNDERSTOOD + REFUSED
