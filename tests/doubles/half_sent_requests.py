"""Requests that hold a place in the server, for as long as a test wants."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import NamedTuple

import httpx

ROW = {"features": [0.0] * 784}
BODY = json.dumps(ROW).encode()


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes


class HalfSent:
    """A request whose body stops half-way, so that it is being read for as long as the test wants."""

    def __init__(self, url: str, *headers: str, sent: int = 100) -> None:
        self._rest = BODY[sent:]
        address = httpx.URL(url)
        self._socket = socket.create_connection((address.host, address.port or 0))
        lines = (
            "POST /v1/predict HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(BODY)}",
            *headers,
        )
        self._socket.sendall("\r\n".join((*lines, "", "")).encode() + BODY[:sent])

    def finish(self) -> Reply:
        """Send the rest; what comes back."""
        self._socket.sendall(self._rest)
        return self.answer()

    def answer(self) -> Reply:
        """What comes back."""
        answer = HTTPResponse(self._socket)
        answer.begin()
        content = answer.read()
        self.leave()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()


def wait_until_in_flight(url: str, requests: int, headers: Mapping[str, str] | None = None) -> None:
    """Wait until the server counts so many; `headers` hold a key where the server wants one."""
    end = time.monotonic() + 30
    detailed = f"{url}/v1/health/detailed"
    while httpx.get(detailed, headers=headers).json()["requests_in_flight"] != requests + 1:  # and this very one
        assert time.monotonic() < end, f"there were never {requests} requests in flight"
