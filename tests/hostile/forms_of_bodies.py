"""Bodies: chunks, trailers, upgrades, expectations, and requests that lie inside of them."""

from __future__ import annotations

from tests.hostile.form import CHUNKED, HOST, INNER, JSON, PREDICT, ROW, Form, chunked, chunks, head, sized
from tests.hostile.forms_of_lines import BAD, HEAD_TOO_LARGE, OK

_GET = b"GET /livez HTTP/1.1"
_L = b"%x" % len(ROW)
_UPGRADES = (b"h2c", b"websocket", b"TLS/1.0", b"h2c, websocket", b"foo")


def _read(name: str, framed: bytes, *fields: bytes) -> Form:
    return Form(name, chunked(framed, *fields), OK)


def _broken(name: str, framed: bytes) -> Form:
    return Form(name, chunked(framed), BAD, kept=False)


def _upgrades(token: bytes) -> tuple[Form, ...]:
    """Each with a body that holds a request; the body is no JSON, which has to be the answer."""
    fields = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + token, b"HTTP2-Settings: AAMAAABkAAQAAP__")
    key = (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    what = token.decode()
    return (
        Form(f"an upgrade to {what}", head(_GET, HOST, *fields, *key), OK),
        Form(f"an upgrade to {what} with a row", sized(ROW, *fields), OK),
        Form(f"an upgrade to {what} with a request inside", sized(INNER, *fields, *key), BAD),
        Form(f"an upgrade to {what} with a request in a chunk", chunked(chunks(INNER), *fields), BAD),
        Form(f"an upgrade to {what} with empty lines and a request", sized(b"\r\n" * 100_000 + INNER, *fields), BAD),
    )


UPGRADES = tuple(form for token in _UPGRADES for form in _upgrades(token))

UNDERSTOOD = (
    Form("a row", sized(ROW), OK),
    Form("no body", head(PREDICT, HOST, JSON), BAD),
    Form("an empty body", sized(b""), BAD),
    Form("a request for a body", sized(INNER), BAD),
    Form("two requests for a body", sized(INNER * 2), BAD),
    Form("a request for a body that nobody reads", sized(INNER, line=b"POST /nowhere HTTP/1.1"), (404,)),
    Form("a request for a body of a GET", sized(INNER, line=_GET), OK),
    Form("a request in a chunk of a GET", chunked(chunks(INNER), line=_GET), OK, kept=None),
    Form(
        "a request for a body of another type", head(PREDICT, HOST, b"Content-Length: %d" % len(INNER)) + INNER, (415,)
    ),
    Form("a request behind a row", sized(ROW) + head(_GET, HOST), (200, 200)),
    Form("a HEAD with a request inside", sized(INNER, line=b"HEAD /livez HTTP/1.1"), OK, without_body=(0,)),
    Form("HEAD", head(b"HEAD /livez HTTP/1.1", HOST), OK, without_body=(0,)),
    Form(
        "HEAD twice and GET",
        head(b"HEAD /v1/models HTTP/1.1", HOST) * 2 + head(_GET, HOST),
        OK * 3,
        without_body=(0, 1),
    ),
    Form("HEAD of nothing", head(b"HEAD /nowhere HTTP/1.1", HOST), (404,), without_body=(0,)),
    Form("HEAD where POST is meant", head(b"HEAD /v1/predict HTTP/1.1", HOST), (405,), without_body=(0,)),
    _read("one chunk", chunks(ROW)),
    _read("many chunks", chunks(*(ROW[at : at + 100] for at in range(0, len(ROW), 100)))),
    _read("a size with zeros before", b"00000" + _L + b"\r\n" + ROW + b"\r\n0000\r\n\r\n"),
    _read("a size in upper case", _L.upper() + b"\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _read("chunk extensions", _L + b';a;b=c;d="e; f\t"\r\n' + ROW + b"\r\n0;g\r\n\r\n"),
    _read("trailers", chunks(ROW, trailers=b"X-A: b\r\nX-C: d\r\n"), b"Trailer: X-A"),
    _read("a version in a trailer", chunks(ROW, trailers=b"X-Plimsoll-Version: 77\r\n")),
    _read(
        "framing in trailers", chunks(ROW, trailers=b"Content-Length: 900\r\nTransfer-Encoding: gzip\r\nHost: a\r\n")
    ),
    Form("a type in a trailer", head(PREDICT, HOST, CHUNKED) + chunks(ROW, trailers=JSON + b"\r\n"), (415,), kept=None),
    Form("a coding in any case", head(PREDICT, HOST, JSON, b"transfer-encoding:\tCHUNKED \t") + chunks(ROW), OK),
    Form("no chunk with data", chunked(chunks()), BAD),
    Form("a request in a chunk", chunked(chunks(INNER)), BAD),
    Form("a request in many chunks", chunked(chunks(*(INNER[at : at + 3] for at in range(0, len(INNER), 3)))), BAD),
    Form("asked for the body", sized(ROW, b"Expect: 100-continue"), OK),
    Form("another expectation", sized(ROW, b"Expect: 200-maybe"), OK),
    Form("an expectation without a body", head(_GET, HOST, b"Expect: 100-continue"), OK),
)

BROKEN = (
    _broken("a bare LF behind a size", _L + b"\n" + ROW + b"\r\n0\r\n\r\n" + INNER),
    _broken("a bare LF behind the data", _L + b"\r\n" + ROW + b"\n0\r\n\r\n" + INNER),
    _broken("a bare LF in an extension", _L + b";\n" + ROW + b"\r\n0\r\n\r\n" + INNER),
    _broken("a line end in a quoted extension", _L + b';a="\r\nb"\r\n' + ROW + b"\r\n0\r\n\r\n" + INNER),
    _broken("an extension that ends in CR", _L + b";a\rb\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("an extension without a name", _L + b";=a\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("an extension that is too long", _L + b";" + b"a" * 2000 + b"\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("an extension without an end", _L + b";" + b"a" * 5000),
    _broken("no size", b"\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a size that is no number", b"xyz\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a size below zero", b"-1\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a size with a plus", b"+" + _L + b"\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a size with 0x", b"0x" + _L + b"\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a size with an underscore", b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n"),
    _broken("a space before a size", b" " + _L + b"\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a space behind a size", _L + b" \r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a tab behind a size", _L + b"\t\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a NUL behind a size", _L + b"\x00\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a size that overflows", b"1" + b"0" * 15 + _L + b"\r\n" + ROW + b"\r\n0\r\n\r\n"),
    _broken("a size that is one too small", b"%x\r\n" % (len(ROW) - 1) + ROW + b"\r\n0\r\n\r\n" + INNER),
    _broken("a size that is one too large", b"%x\r\n" % (len(ROW) + 1) + ROW + b"\r\n0\r\n\r\n" + INNER),
    _broken("no line end behind the data", _L + b"\r\n" + ROW + b"0\r\n\r\n" + INNER),
    _broken("chunks of one byte", b"1\r\na\r\n" * 40_000),
    _broken("empty lines between chunks", _L + b"\r\n" + ROW + b"\r\n\r\n0\r\n\r\n" + INNER),
    _broken("a folded trailer", chunks(ROW, trailers=b"X: a\r\n b\r\n")),
    _broken("a trailer without a colon", chunks(ROW, trailers=b"X\r\n")),
    _broken("a trailer with a NUL", chunks(ROW, trailers=b"X: \x00\r\n")),
    _broken("a trailer behind a bare LF", chunks(ROW, trailers=b"X: a\nY: b\r\n")),
    _broken("a request for trailers", _L + b"\r\n" + ROW + b"\r\n0\r\n" + INNER),
    Form("too many trailers", chunked(chunks(ROW, trailers=b"a:\r\n" * 101)), HEAD_TOO_LARGE, kept=False),
    Form(
        "too long trailers", chunked(chunks(ROW, trailers=b"a:" + b"b" * 66_000 + b"\r\n")), HEAD_TOO_LARGE, kept=False
    ),
    Form("trailers without an end", chunked(chunks(ROW)[:-2] + b"a: " + b"b" * 66_000), HEAD_TOO_LARGE, kept=False),
    Form("more than the length tells", sized(ROW) + b"}\r\n" + INNER, (200, 400), kept=False),
    Form("too long a body", sized(b" " * (9 << 20)), (413,), kept=False),
    Form("too long a body in chunks", chunked(chunks(*[b" " * 65_536] * 144)), (413,), kept=False),
    Form(
        "too long a body that is not sent",
        head(PREDICT, HOST, JSON, b"Expect: 100-continue", b"Content-Length: 900000000"),
        (413,),
        kept=False,
    ),
)

FORMS = UPGRADES + UNDERSTOOD + BROKEN
