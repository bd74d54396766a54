"""A client that sends whatever bytes it is told to, and reads answers as strictly as HTTP/1.1 allows."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Collection, Iterable
from typing import BinaryIO, NamedTuple

PATIENCE_SECONDS = 30.0
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [^\r\n]*\r\n")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([^\r\n]*)\r\n")


class Address(NamedTuple):
    """Where a server or a proxy listens."""

    host: str
    port: int


class Answer(NamedTuple):
    """One answer; the names of its fields are in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


def connected(address: Address, source: str = "", *, receive_bytes: int | None = None) -> socket.socket:
    """A connection that sends every packet at once; `source` is the address that it comes from."""
    client = socket.socket()
    if receive_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(PATIENCE_SECONDS)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        client.bind((source, 0))
    client.connect(address)
    return client


def reset(client: socket.socket) -> None:
    """Leave without a farewell: the other end is told that the connection is broken."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def conversation(address: Address, packets: Iterable[bytes], without_body: Collection[int] = ()) -> list[Answer]:
    """Send the packets and read answers until the server closes the connection."""
    with connected(address) as client:
        for packet in packets:
            client.sendall(packet)
        with client.makefile("rb") as stream:
            return read_answers(stream, without_body)


def read_answers(stream: BinaryIO, without_body: Collection[int] = ()) -> list[Answer]:
    """All answers up to the end of the connection; those with a number in `without_body` answer a HEAD."""
    answers: list[Answer] = []
    while (answer := read_answer(stream, has_body=len(answers) not in without_body)) is not None:
        answers.append(answer)
    return answers


def read_answer(stream: BinaryIO, *, has_body: bool = True) -> Answer | None:
    """The next answer; `None` at the end of the connection."""
    line = stream.readline()
    if not line:
        return None
    found = _STATUS_LINE.fullmatch(line)
    assert found is not None, f"no status line: {line!r}"
    fields: dict[str, str] = {}
    while (line := stream.readline()) != b"\r\n":
        field = _FIELD.fullmatch(line)
        assert field is not None, f"no header field: {line!r}"
        name = field[1].decode().lower()
        assert name not in fields, f"{name} stands there twice"
        fields[name] = field[2].decode("latin-1")
    return Answer(int(found[1]), fields, _read_body(stream, int(found[1]), fields) if has_body else b"")


def _read_body(stream: BinaryIO, status: int, fields: dict[str, str]) -> bytes:
    if status < 200 or status in (204, 304):
        return b""
    if "transfer-encoding" not in fields:
        body = stream.read(int(fields["content-length"]))
        assert len(body) == int(fields["content-length"]), "the answer breaks off"
        return body
    assert fields["transfer-encoding"] == "chunked"
    assert "content-length" not in fields
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        assert stream.readline() == b"\r\n"
    assert stream.readline() == b"\r\n"
    return body
