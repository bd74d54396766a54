"""Clients that mean harm, one kind at a time.

`python -m benchmarks.hostile_clients KIND HOST PORT SECONDS KEY` attacks for so long, and writes how many connections
it has opened and how many bytes it has sent as one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from itertools import repeat

from benchmarks.client import Address

_NICENESS = 19
"""A hostile client has a machine of its own. Here it takes of the cores what the server and the honest leave."""
_BLOCK = 1 << 18
_CONNECTIONS = 1024
"""As many as a worker takes."""
_HOST = b"Host: localhost\r\n"
_GET = b"GET /livez HTTP/1.1\r\n" + _HOST
_MUCH = b"GET /openapi.json HTTP/1.1\r\n" + _HOST + b"\r\n"
_CHUNKED = (
    b"POST /v1/predict HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
)
_INNER = b"GET /v1/models HTTP/1.1\r\n" + _HOST + b"\r\n"
_COLUMNS = 784


class Attacker:
    """A client until its time is over; everything that the server does to it is its own fault."""

    def __init__(self, address: Address, seconds: float, key: str) -> None:
        self._address = address
        self._until = time.monotonic() + seconds
        self.key = b"Authorization: Bearer %b\r\n" % key.encode()
        self.connections = self.sent_bytes = 0

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._until

    def connect(self, *, receive_bytes: int | None = None) -> socket.socket:
        """A new connection, which waits for nothing longer than a second."""
        client = socket.socket()
        if receive_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(1)
        client.connect(self._address)
        self.connections += 1
        return client

    def send(self, client: socket.socket, data: bytes) -> bool:
        """Send it; whether the server has taken it."""
        try:
            client.sendall(data)
        except OSError:
            return False
        self.sent_bytes += len(data)
        return True

    def stream(self, beginning: bytes, parts: Iterable[bytes], *, reads: bool = False) -> None:
        """Send on one connection until the server refuses it, and then on another one, again and again."""
        while self.goes_on():
            with self.connect(receive_bytes=None if reads else 4096) as client:
                goes_on = self.send(client, beginning)
                for part in parts:
                    if not goes_on or not self.goes_on():
                        break
                    goes_on = self.send(client, part)
                    if reads:
                        client.settimeout(0.001)
                        with contextlib.suppress(TimeoutError):
                            goes_on = goes_on and bool(client.recv(_BLOCK))
                        client.settimeout(1)

    def ask(self, request: bytes) -> None:
        """Send a request again and again, each on a connection of its own, and read what comes first."""
        while self.goes_on():
            with self.connect() as client:
                if self.send(client, request):
                    with contextlib.suppress(OSError):
                        client.recv(_BLOCK)

    def hold(self, count: int, beginning: bytes, drop: bytes = b"") -> None:
        """Keep so many connections open, and send one drop on each of them again and again."""
        held: list[socket.socket] = []
        while self.goes_on():
            while len(held) < count and self.goes_on():
                held.append(self.connect())
                self.send(held[-1], beginning)
            kept = [client for client in held if self._is_open(client) and (not drop or self.send(client, drop))]
            for client in set(held) - set(kept):
                client.close()
            held = kept
            time.sleep(0.2)
        for client in held:
            client.close()

    def reset(self, beginning: bytes) -> None:
        """Connect, send this and leave without a farewell, again and again."""
        while self.goes_on():
            client = self.connect()
            self.send(client, beginning)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()

    @staticmethod
    def _is_open(client: socket.socket) -> bool:
        client.settimeout(0)
        try:
            return bool(client.recv(_BLOCK))
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            client.settimeout(1)


def _sized(body: bytes, *fields: bytes) -> bytes:
    head = b"POST /v1/predict HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\n" + b"".join(fields)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _rows(count: int) -> bytes:
    row = b"[" + b",".join([b"0"] * _COLUMNS) + b"]"
    return b'{"instances": [' + b",".join([row] * count) + b"]}"


def _wrong_body(length: int) -> bytes:
    """A body that is wrong at its very end, so that all of it is looked at in the slow way."""
    beginning = b'{"surplus": ['
    return beginning + b"[0.5]," * ((length - len(beginning)) // 6) + b"oops"


_LETTERS = b"a" * _BLOCK
_FIELDS = b"".join(b"a%d: b\r\n" % number for number in range(20_000))
_BROKEN_UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
KINDS: dict[str, Callable[[Attacker], None]] = {
    "endless request line": lambda one: one.stream(b"GET /", repeat(_LETTERS)),
    "endless header field": lambda one: one.stream(_GET + b"X: ", repeat(_LETTERS)),
    "endless header fields": lambda one: one.stream(_GET, repeat(_FIELDS)),
    "endless trailers": lambda one: one.stream(_CHUNKED + one.key + b"\r\n0\r\n", repeat(_FIELDS)),
    "chunks of one byte": lambda one: one.stream(_CHUNKED + one.key + b"\r\n", repeat(b"1\r\n \r\n" * 40_000)),
    "chunks of sixteen bytes": lambda one: one.stream(
        _CHUNKED + one.key + b"\r\n", repeat(b"10\r\n%b\r\n" % (b" " * 16) * 10_000)
    ),
    "slow heads": lambda one: one.hold(100, _GET + b"X: ", b"a"),
    "slow bodies": lambda one: one.hold(100, _CHUNKED + one.key + b"\r\n", b"1\r\n \r\n"),
    "silent connections": lambda one: one.hold(_CONNECTIONS, b""),
    "connections that are idle": lambda one: one.hold(_CONNECTIONS, _GET + b"\r\n"),
    "pipelined requests": lambda one: one.stream(b"", repeat(_MUCH * 400), reads=True),
    "pipelined requests, answers not read": lambda one: one.stream(b"", repeat(_MUCH * 400)),
    "answers that are not read": lambda one: one.hold(10, _MUCH * 100),
    "connect and reset": lambda one: one.reset(b""),
    "requests and reset": lambda one: one.reset(_sized(_rows(1), one.key) * 2),
    "no HTTP": lambda one: one.ask(b"\x16\x03\x01" + b"\xa5" * 300),
    "too long bodies": lambda one: one.ask(_sized(b" " * (9 << 20), one.key)),
    "wrong bodies of 8 MB": lambda one: one.ask(_sized(_wrong_body(8 << 20), one.key)),
    "a row too many": lambda one: one.ask(_sized(_rows(101), one.key)),
    "wrong keys": lambda one: one.stream(
        b"", repeat(_sized(b"{}", b"Authorization: Bearer wrong\r\n") * 100), reads=True
    ),
    "upgrades": lambda one: one.ask(_sized(b"\r\n" * 100_000 + _INNER, _BROKEN_UPGRADE, one.key)),
    "expectations": lambda one: one.ask(_sized(b" " * (9 << 20), b"Expect: 100-continue\r\n", one.key)[:400]),
}


def main(arguments: list[str]) -> None:
    """Attack."""
    kind, host, port, seconds, key = arguments
    os.nice(_NICENESS)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    attacker = Attacker(Address(host, int(port)), float(seconds), key)
    while attacker.goes_on():
        with contextlib.suppress(OSError):  # refused, reset or late: it tries again
            KINDS[kind](attacker)
    found = {"connections": attacker.connections, "sent_bytes": attacker.sent_bytes}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
