"""Header fields: their form, how many there may be, and those that say where a body ends."""

from __future__ import annotations

from tests.hostile.form import CHUNKED, HOST, INNER, JSON, PREDICT, ROW, Form, chunks, head, sized
from tests.hostile.forms_of_lines import BAD, HEAD_TOO_LARGE, OK

_GET = b"GET /livez HTTP/1.1"
_LONGEST_HEAD = 65_536
_MOST_FIELDS = 100


def _with(name: str, *fields: bytes, statuses: tuple[int, ...] = OK, kept: bool = True) -> Form:
    return Form(name, head(_GET, HOST, *fields), statuses, kept)


def _without(name: str, *fields: bytes) -> Form:
    """A head that has to be refused; what it says of a body does not matter then."""
    return Form(name, head(_GET, *fields) + INNER, BAD, kept=False)


def _refused(name: str, *fields: bytes) -> Form:
    return _without(name, HOST, *fields)


def _length(value: bytes) -> Form:
    return Form(
        f"Content-Length {value!r}", head(PREDICT, HOST, JSON, b"Content-Length: " + value) + ROW, BAD, kept=False
    )


def _coding(value: bytes) -> Form:
    sent = head(PREDICT, HOST, JSON, b"Transfer-Encoding: " + value) + chunks(INNER)
    return Form(f"Transfer-Encoding {value!r}", sent, BAD, kept=False)


def _filled(head_bytes: int) -> bytes:
    """A head of so many bytes before the empty line that ends it."""
    rest = len(head(_GET, HOST, b"X: ")) - len(b"\r\n\r\n")
    return head(_GET, HOST, b"X: " + b"a" * (head_bytes - rest))


UNDERSTOOD = (
    _with("names in any case", b"CONTENT-length: 0", b"x-A: b"),
    _with("no space behind the colon", b"X:a"),
    _with("tabs and spaces around a value", b"X: \t a \t "),
    _with("an empty value", b"X:"),
    _with("bytes above 127 in a value", b"X: \xff\xfe\xc3\xa9"),
    _with("every character of a token in a name", b"!#$%&'*+-.^_`|~09azAZ: a"),
    _with("a field that may stand twice", b"Cookie: a", b"Cookie: b"),
    _with("a length in zeros", b"Content-Length: 000"),
    _with("an underscore for a hyphen", b"Content_Length: 5"),
    _with("TE, which is no Transfer-Encoding", b"TE: trailers, gzip"),
    _with("an id that cannot be one", b"X-Request-Id: a b\xff"),
    _with("as many fields as there may be", *[b"X: a"] * (_MOST_FIELDS - 1)),
    Form("as long a head as there may be", _filled(_LONGEST_HEAD), OK),
    Form("the Host last", head(_GET, b"X: a", HOST), OK),
    Form("a Host with a port", head(_GET, b"Host: localhost:8000"), OK),
    Form("an empty Host", head(_GET, b"Host:"), OK),
)

REFUSED = (
    _without("no Host"),
    _without("two Hosts", HOST, HOST),
    _without("two Hosts that differ", HOST, b"Host: elsewhere"),
    _without("two Hosts in different case", HOST, b"hOST: elsewhere"),
    _without("a Host with a space", b"Host: local host"),
    _without("a Host with a list", b"Host: localhost, elsewhere"),
    _without("a Host with a path", b"Host: localhost/a"),
    _without("a Host with a user", b"Host: a@localhost"),
    _without("a Host with a quote", b'Host: "localhost"'),
    _without("a Host beyond ASCII", b"Host: loc\xc3\xa4lhost"),
    _without("a folded first field", b" Host: localhost", HOST),
    _refused("a folded field", b"X: a", b" b"),
    _refused("a field folded by a tab", b"X: a", b"\tb"),
    _refused("an empty fold", b"X: a", b" "),
    _refused("a space before the colon", b"X : a"),
    _refused("a tab before the colon", b"X\t: a"),
    _refused("a space within a name", b"X Y: a"),
    _refused("no name", b": a"),
    _refused("no colon", b"X"),
    _refused("a name in brackets", b"(X): a"),
    _refused("a name in quotes", b'"X": a'),
    _refused("a NUL in a name", b"X\x00: a"),
    _refused("a byte above 127 in a name", b"X\xe9: a"),
    _refused("a NUL in a value", b"X: a\x00b"),
    _refused("a bare CR in a value", b"X: a\rb"),
    _refused("a bare LF in a value", b"X: a\nb"),
    _refused("a request behind a bare CR", b"X: a\r\r" + INNER),
    _refused("a field behind a bare LF", b"X: a\nContent-Length: 5"),
    _refused("two line feeds for an end", b"X: a\n\n" + INNER),
    _refused("a vertical tab in a value", b"X: a\x0bb"),
    _refused("a DEL in a value", b"X: a\x7f"),
    _refused("an escape in a value", b"X: \x1b[2J"),
    _refused("two types", JSON, JSON),
    _refused("two codings of the content", b"Content-Encoding: gzip", b"Content-Encoding: identity"),
    _refused("two expectations", b"Expect: 100-continue", b"Expect: 100-continue"),
    _refused("two keys", b"Authorization: Bearer a", b"Authorization: Bearer b"),
    _refused("two origins", b"Origin: http://localhost", b"Origin: http://elsewhere"),
    _with("too many fields", *[b"X: a"] * _MOST_FIELDS, statuses=HEAD_TOO_LARGE, kept=False),
    _with("far too many fields", *[b"a:"] * 5000, statuses=HEAD_TOO_LARGE, kept=False),
    Form("too long a head", _filled(_LONGEST_HEAD + 1), HEAD_TOO_LARGE, kept=False),
    Form("a head without an end", head(_GET, HOST)[:-2] + b"X: " + b"a" * _LONGEST_HEAD, HEAD_TOO_LARGE, kept=False),
    *map(
        _length,
        (
            *(
                b"",
                b"+5",
                b"-1",
                b"1 5",
                b"5,5",
                b"5, 5",
                b"0x5",
                b"5.0",
                b"5e0",
                b"1_0",
                b"\xd9\xa5",
                b"5;",
                b"a",
                b"\xa05",
            ),
            *(b"18446744073709551617", b"9" * 16, b"0" * 16),
        ),
    ),
    Form("two lengths", sized(ROW, b"Content-Length: %d" % len(ROW)), BAD, kept=False),
    Form("two lengths that differ", sized(INNER, b"Content-Length: 0"), BAD, kept=False),
    Form("a length that is folded", head(PREDICT, HOST, JSON, b"Content-Length:", b" 5") + INNER, BAD, kept=False),
    Form("a length behind a space", head(PREDICT, HOST, JSON, b"Content-Length : 5") + INNER, BAD, kept=False),
    Form("a coding behind a length", sized(chunks() + INNER, CHUNKED), BAD, kept=False),
    Form(
        "a length behind a coding", head(PREDICT, HOST, CHUNKED, b"Content-Length: 4") + chunks(INNER), BAD, kept=False
    ),
    Form("a coding and no length", head(PREDICT, HOST, CHUNKED, b"Content-Length:") + chunks(INNER), BAD, kept=False),
    *map(
        _coding,
        (
            *(b"", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, identity", b"chunked, chunked"),
            *(
                b"xchunked",
                b"chunkedx",
                b"chunk",
                b"chunked;a=b",
                b"chunked,",
                b",chunked",
                b'"chunked"',
                b"c\xc5\xabnked",
            ),
            *(b"\x0bchunked", b"\x0cchunked", b"chunked\x00", b"\rchunked", b"chunked\n", b"ch unked"),
        ),
    ),
    Form("two codings", head(PREDICT, HOST, CHUNKED, CHUNKED) + chunks(INNER), BAD, kept=False),
    Form(
        "a coding and identity",
        head(PREDICT, HOST, CHUNKED, b"Transfer-Encoding: identity") + chunks(INNER),
        BAD,
        kept=False,
    ),
    Form(
        "a coding that is folded",
        head(PREDICT, HOST, b"Transfer-Encoding:", b" chunked") + chunks(INNER),
        BAD,
        kept=False,
    ),
    Form(
        "a coding behind a space", head(PREDICT, HOST, b"Transfer-Encoding : chunked") + chunks(INNER), BAD, kept=False
    ),
    Form("a coding in HTTP/1.0", head(b"POST /v1/predict HTTP/1.0", HOST, CHUNKED) + chunks(INNER), BAD, kept=False),
)
"""Nothing behind any of these is read as a request."""

FORMS = UNDERSTOOD + REFUSED
