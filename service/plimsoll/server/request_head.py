"""Reads the head of an HTTP/1.1 request, and refuses every form that two readers could understand differently.

The rules are those of RFC 9112. Where it leaves a choice between repair and refusal, this refuses: a proxy in front may
have chosen another repair, and what one of both takes for a body the other would take for a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from plimsoll.errors import HeadTooLarge, MalformedRequest, RequestLineTooLong
from plimsoll.inference.request_head import RequestHead as CallHead
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.websocket_handshake import is_handshake

Fields = Sequence[tuple[bytes, bytes]]

CHUNKED = -1
"""A body length that only the end of the body shows."""
_REQUEST_LINE = re.compile(rb"([A-Z][A-Z0-9_-]{0,31}) ([\x21\x22\x24-\x7e]+) HTTP/([0-9])\.([0-9])")
_FIELDS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*")
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
_ABSOLUTE = re.compile(rb"https?://([^/?]*)([^?]*)", re.IGNORECASE)
_LONGEST_LENGTH_DIGITS = 15
_SINGLE = (
    b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding", b"expect",
    b"authorization", b"x-api-key", b"origin", b"sec-websocket-key", b"sec-websocket-version",
)  # fmt: skip
"""Fields that may stand once. Of two that differ, two readers may take a different one."""


class RequestHead(NamedTuple):
    """One request before its body.

    `fields` have lower-case names; `call_head` holds them for the calls of all requests that share this head.
    `body_bytes` is the length of the body: 0 for none, `CHUNKED` where it is not known.
    `keep_alive` says whether the client may send another request, and `asks_for_websocket` whether this one is the
    whole handshake of a WebSocket.
    """

    method: str
    target: bytes
    query: bytes
    version: str
    fields: list[tuple[bytes, bytes]]
    call_head: CallHead
    body_bytes: int
    keep_alive: bool
    expects_continue: bool
    asks_for_websocket: bool = False


def parse_head(head: bytes, limits: ConnectionLimits) -> RequestHead:
    """Read a head, given without the empty line that ends it.

    Raises:
        MalformedRequest: it is not a request of HTTP/1.0 or 1.1, or one whose meaning is not certain.
        RequestLineTooLong: its first line is longer than the limit.
        HeadTooLarge: it has more bytes or fields than the limits allow.
    """
    line, _, block = head.partition(b"\r\n")
    if len(line) > limits.request_line_bytes:
        raise request_line_too_long(limits)
    if len(head) > limits.head_bytes:
        raise head_too_large(limits)
    method, target, version = _request_line(line)
    fields = parse_fields(block + b"\r\n" if block else b"", limits)
    named = dict(fields)
    if len(named) != len(fields):
        _refuse_repeated(fields)
        named[b"connection"] = b",".join(value for name, value in fields if name == b"connection")
    _check_host(named, version)
    path, query = _target(target, fields, method)
    connection = named.get(b"connection", b"").lower()
    body_bytes = _body_bytes(named, version)
    return RequestHead(
        method,
        path,
        query,
        version,
        fields,
        CallHead(fields),
        body_bytes,
        version == "1.1" and b"close" not in [option.strip() for option in connection.split(b",")],
        version == "1.1" and named.get(b"expect", b"").lower() == b"100-continue",
        b"upgrade" in named and (method, version, body_bytes) == ("GET", "1.1", 0) and is_handshake(named),
    )


def parse_fields(block: bytes, limits: ConnectionLimits) -> list[tuple[bytes, bytes]]:
    """Read header or trailer fields, each of which ends in CRLF; names become lower case.

    Raises:
        MalformedRequest: a line is not `name: value`, is folded, or holds a control character.
        HeadTooLarge: there are more than the limit allows.
    """
    if _FIELDS.fullmatch(block) is None:
        raise MalformedRequest(
            "a header field is malformed", expected="lines of the form 'name: value' that end in CRLF"
        )
    if block.count(b"\n") > limits.head_fields:
        raise HeadTooLarge("the request has too many header fields", expected=f"at most {limits.head_fields} fields")
    fields = []
    for line in block.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        fields.append((name.lower(), value.strip(b" \t")))
    return fields


def request_line_too_long(limits: ConnectionLimits) -> RequestLineTooLong:
    """The error for a first line that is longer than it may be."""
    return RequestLineTooLong("the request line is too long", expected=f"at most {limits.request_line_bytes} bytes")


def head_too_large(limits: ConnectionLimits) -> HeadTooLarge:
    """The error for a head, or for trailers, of more bytes than there may be."""
    return HeadTooLarge("the head of the request is too long", expected=f"at most {limits.head_bytes} bytes")


def _request_line(line: bytes) -> tuple[str, bytes, str]:
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise MalformedRequest("the request line is malformed", expected="a line of the form 'GET /path HTTP/1.1'")
    method, target, major, minor = found.groups()
    if major != b"1" or minor not in (b"0", b"1"):
        raise MalformedRequest(
            "this version of HTTP is not spoken here",
            expected="HTTP/1.1 or HTTP/1.0",
            given=f"HTTP/{major.decode()}.{minor.decode()}",
        )
    return method.decode(), target, "1." + minor.decode()


def _refuse_repeated(fields: Fields) -> None:
    names = [name for name, _ in fields]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise MalformedRequest(
                f"the header field {name.decode()} stands there more than once", expected="one of it"
            )


def _check_host(named: Mapping[bytes, bytes], version: str) -> None:
    host = named.get(b"host")
    if host is None and version == "1.1":
        raise MalformedRequest("the request has no Host header field", expected="one, as RFC 9112 section 3.2 asks")
    if host is not None and _HOST.fullmatch(host) is None:
        raise MalformedRequest(
            "the Host header field is malformed", expected="a host name, and a port where there is one"
        )


def _target(target: bytes, fields: list[tuple[bytes, bytes]], method: str) -> tuple[bytes, bytes]:
    """Path and query. A target with a host of its own replaces the Host field (RFC 9112 section 3.2.2)."""
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return path, query
    if absolute := _ABSOLUTE.match(target):
        host, path = absolute.groups()
        if not host or _HOST.fullmatch(host) is None:
            raise MalformedRequest("the host of the request's target is malformed", expected="a host name")
        fields[:] = [(name, host if name == b"host" else value) for name, value in fields]
        return path or b"/", target[absolute.end() + 1 :]
    if target == b"*" and method == "OPTIONS":
        return target, b""
    raise MalformedRequest("the request's target is malformed", expected="a path that begins with '/'")


def _body_bytes(named: Mapping[bytes, bytes], version: str) -> int:
    coding, length = named.get(b"transfer-encoding"), named.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise MalformedRequest("the request has both Content-Length and Transfer-Encoding", expected="one of both")
        if version != "1.1" or coding.lower() != b"chunked":
            raise MalformedRequest(
                "this Transfer-Encoding is not understood", expected="Transfer-Encoding: chunked, in HTTP/1.1"
            )
        return CHUNKED
    if length is None:
        return 0
    if not length.isdigit() or len(length) > _LONGEST_LENGTH_DIGITS:
        raise MalformedRequest(
            "the Content-Length is malformed",
            expected=f"a whole number of bytes in at most {_LONGEST_LENGTH_DIGITS} digits",
        )
    return int(length)
