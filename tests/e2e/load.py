"""A light load at a constant rate, for a pod: standard library only, no retries.

Half of the clients keep their connection, half open a new one for every request, or all do. A client with a kept
connection does what HTTP asks of it: it closes on `Connection: close`, and it looks whether the server has hung up
before it sends. Beyond that every request that is not answered 200 with the class expected is a failure.

Sends until SIGTERM, then writes one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

CLIENTS = 8
"""Unless told otherwise; each has one request in flight at most."""
PATIENCE_SECONDS = 10
"""How long a client waits for an answer, or for a connection."""


class Answer(NamedTuple):
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


@dataclass
class Tally:
    """What happened to the requests."""

    sent: int = 0
    ok: int = 0
    connections: int = 0
    by_status: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    versions: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest_seconds: float = 0.0

    def answered(self, answer: Answer, expected: str) -> None:
        """Count an answer; it is good when it is 200 and of the class expected."""
        self.by_status[str(answer.status)] += 1
        if answer.status != 200:
            self.errors[f"{answer.status}: {answer.body[:200].decode(errors='replace')}"] += 1
            return
        given = str(json.loads(answer.body)["predictions"][0]["class"])
        if given != expected:
            self.errors[f"class {given} for {expected}"] += 1
            return
        self.ok += 1
        self.versions[answer.headers.get("x-plimsoll-version", "none")] += 1

    def report(self) -> str:
        """The counts as one line of JSON."""
        return json.dumps(
            {
                "sent": self.sent,
                "ok": self.ok,
                "failed": self.sent - self.ok,
                "connections": self.connections,
                "by_status": self.by_status,
                "errors": self.errors,
                "versions": self.versions,
                "slowest_seconds": round(self.slowest_seconds, 3),
            }
        )


class Client:
    """One client of the Service, with a connection that it keeps or with a new one for each request."""

    def __init__(self, host: str, port: int, request: bytes, tally: Tally, *, keeps: bool) -> None:
        self._host = host
        self._port = port
        self._keeps = keeps
        self._request = request
        self._tally = tally
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self) -> Answer:
        """Send one request and read its answer."""
        if self._stream is not None and self._stream[0].at_eof():
            self.hang_up()  # the server closed the idle connection; a new one is no retry, nothing was sent
        if self._stream is None:
            self._stream = await asyncio.open_connection(self._host, self._port)
            self._tally.connections += 1
        reader, writer = self._stream
        writer.write(self._request)
        await writer.drain()
        answer = await _read_answer(reader)
        if answer.closes or not self._keeps:
            self.hang_up()
        return answer

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(head[0].split()[1]), headers, body)


async def _keep_sending(client: Client, tally: Tally, expected: str, interval: float, stop: asyncio.Event) -> None:
    """Send every `interval` seconds until told to stop."""
    due = time.monotonic()
    while not stop.is_set():
        due += interval
        tally.sent += 1
        started = time.monotonic()
        try:
            tally.answered(await asyncio.wait_for(client.send(), PATIENCE_SECONDS), expected)
        except (OSError, EOFError, TimeoutError, ValueError, KeyError, IndexError) as error:
            tally.errors[f"{type(error).__name__}: {error}"] += 1
            client.hang_up()
        tally.slowest_seconds = max(tally.slowest_seconds, time.monotonic() - started)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    client.hang_up()


def _request(host: str, port: int, body: bytes, *, keeps: bool) -> bytes:
    head = (
        f"POST /v1/predict HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keeps else 'close'}\r\n\r\n"
    )
    return head.encode() + body


async def _run(options: argparse.Namespace, body: bytes) -> Tally:
    tally = Tally()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as group:
        for number in range(options.clients):
            keeps = number % 2 == 0 and not options.new
            request = _request(options.host, options.port, body, keeps=keeps)
            client = Client(options.host, options.port, request, tally, keeps=keeps)
            interval = options.clients / options.rate
            group.create_task(_keep_sending(client, tally, options.expect, interval, stop))
            await asyncio.sleep(1 / options.rate)
    return tally


def main() -> None:
    """Read the options, send, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=20, help="requests per second, all clients together")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--new", action="store_true", help="a new connection for every request")
    parser.add_argument("--body", required=True, help="file with the body of every request")
    parser.add_argument("--expect", required=True, help="the class that every answer must have")
    options = parser.parse_args()
    sys.stdout.write(asyncio.run(_run(options, Path(options.body).read_bytes())).report() + "\n")


if __name__ == "__main__":
    main()
