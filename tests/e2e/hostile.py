"""A client that does everything a server has to bound, for a pod: standard library only.

Opens connections of each kind over and over until SIGTERM, then writes one line of JSON: how many of each kind.
"""

from __future__ import annotations

import collections
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

SILENT = 600
"""Connections that send nothing, held at a time."""
_PATIENCE_SECONDS = 2.0
_POST = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_MEGABYTES = 8


def _repeated(block: bytes) -> Iterator[bytes]:
    for _ in range(_MEGABYTES * (1 << 20) // len(block)):
        yield block


def _endless_line() -> Iterator[bytes]:
    yield b"GET /"
    yield from _repeated(b"a" * 65_536)


def _endless_head() -> Iterator[bytes]:
    yield b"GET / HTTP/1.1\r\nHost: x\r\n"
    yield from _repeated(b"A: b\r\n" * 8_192)


def _endless_trailers() -> Iterator[bytes]:
    yield _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    yield from _repeated(b"A: b\r\n" * 8_192)


def _small_chunks() -> Iterator[bytes]:
    yield _POST + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from _repeated(b"1\r\n \r\n" * 8_192)


def _pipelined() -> Iterator[bytes]:
    yield from _repeated(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 2_048)


def _long_wrong_body() -> Iterator[bytes]:
    body = b'{"features": [' + b"1e400," * (7 << 17) + b"0]}"
    yield _POST + b"Content-Length: %d\r\n\r\n" % len(body)
    yield body


def _too_long_body() -> Iterator[bytes]:
    yield _POST + b"Content-Length: %d\r\n\r\n" % (64 << 20)
    yield from _repeated(b" " * 65_536)


def _body_that_stops() -> Iterator[bytes]:
    yield _POST + b"Content-Length: 5000\r\n\r\n{"


def _upgrade() -> Iterator[bytes]:
    inner = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    yield _POST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: %d\r\n\r\n" % len(inner)
    yield inner


def _garbage() -> Iterator[bytes]:
    yield bytes(range(256)) * 256


KINDS: tuple[Callable[[], Iterator[bytes]], ...] = (
    *(_endless_line, _endless_head, _endless_trailers, _small_chunks, _pipelined, _long_wrong_body, _too_long_body),
    *(_body_that_stops, _upgrade, _garbage),
)


def _send(host: str, parts: Iterator[bytes]) -> None:
    with socket.create_connection((host, 8000), timeout=_PATIENCE_SECONDS) as connection:
        for part in parts:
            connection.sendall(part)
        connection.recv(65_536)


def main(host: str) -> None:
    """Be hostile until told to stop."""
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    counts: collections.Counter[str] = collections.Counter()
    silent: collections.deque[socket.socket] = collections.deque()
    while not told:
        for kind in KINDS:
            try:
                _send(host, kind())
            except OSError:
                counts[f"{kind.__name__.strip('_')}, cut off"] += 1
            else:
                counts[kind.__name__.strip("_")] += 1
        for _ in range(SILENT // 10):
            try:
                silent.append(socket.create_connection((host, 8000), timeout=_PATIENCE_SECONDS))
            except OSError:
                counts["silent, refused"] += 1
            else:
                counts["silent"] += 1
            if len(silent) > SILENT:
                silent.popleft().close()
        time.sleep(0.05)
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
