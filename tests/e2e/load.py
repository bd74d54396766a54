"""A load in open loop, at a constant rate or through steps, for a pod: standard library only, no retries.

A request is sent when it is due, whatever became of those before: clients of a service do not wait for each other, and
a load that waits for its answers sends least when most would be lost. Half of the requests go over connections that are
kept, half over new ones, or all do. On a kept connection it does what HTTP asks of it: it closes on `Connection:
close`, and it looks whether the server has hung up before it sends. Beyond that every request that is not answered 200
with the class expected is a failure. With `--bodies` each request draws one of many bodies at random: in turn, all
those of one class could fall to one side of a weighted split.

It begins once a connection was taken, over which nothing is asked: a node may learn of a new Service a moment after its
pods are ready, and a Gateway listens some seconds after its first route. With `--key-file` it begins once that file is
there too, and shows the API key that it holds at the moment; the report counts keys by their last four characters.

Sends until SIGTERM, or to the end of its steps, and after SIGTERM writes one line of JSON. Through steps, requests come
at random, as those of many clients do (a Poisson process), and at the same moments on every run.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import itertools
import json
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

KEPT = 4
"""Connections that are kept, taken in turn; more where all of them wait for an answer."""
MOST_IN_FLIGHT = 2000
"""A request that is due beyond these is a failure, and is not sent."""
PATIENCE_SECONDS = 10
"""How long a request may take, with its connection."""
REACHABLE_SECONDS = 120
"""How long a Gateway may take from its first route to its first connection."""


class Step(NamedTuple):
    """Requests per second, for so long."""

    rate: float
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Step:
        """From `RATE:SECONDS`."""
        rate, seconds = text.split(":")
        return cls(float(rate), float(seconds))


class Row(NamedTuple):
    """A body, and the class that its answer must have."""

    body: bytes
    expected: str


class Answer(NamedTuple):
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Tally:
    """What happened to the requests."""

    sent: int = 0
    ok: int = 0
    connections: int = 0
    by_status: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    versions: collections.Counter[str] = field(default_factory=collections.Counter)
    failures: collections.Counter[str] = field(default_factory=collections.Counter)
    keys: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest_seconds: float = 0.0
    most_in_flight: int = 0

    def answered(self, answer: Answer, expected: str) -> None:
        """Count an answer; it is good when it is 200 and of the class expected."""
        version = answer.headers.get("x-plimsoll-version", "none")
        self.by_status[str(answer.status)] += 1
        if answer.status != 200:
            self.failures[f"{version} {answer.status}"] += 1
            self.errors[f"{answer.status}: {answer.body[:200].decode(errors='replace')}"] += 1
            return
        given = _class_in(json.loads(answer.body))
        if given != expected:
            self.errors[f"class {given} for {expected}"] += 1
            self.failures[f"{version} class"] += 1
            return
        self.ok += 1
        self.versions[version] += 1

    def report(self) -> str:
        """The counts as one line of JSON."""
        counts = {**vars(self), "failed": self.sent - self.ok, "slowest_seconds": round(self.slowest_seconds, 3)}
        return json.dumps(counts)


@dataclass
class Connection:
    """One connection to the Service."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """A new one."""
        return cls(*await asyncio.open_connection(host, port))

    async def ask(self, request: bytes) -> Answer:
        """Send one request and read its answer."""
        self.writer.write(request)
        await self.writer.drain()
        return await _read_answer(self.reader)

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


class Load:
    """Sends requests, each over a kept connection or a new one."""

    def __init__(self, options: argparse.Namespace, rows: list[Row]) -> None:
        self._host, self._port = options.host, options.port
        self._path = f"/v2/models/{options.infer}/infer" if options.infer else "/v1/predict"
        self._always_new = options.new
        self._key_file: Path | None = options.key_file
        self._rows, self._authority = rows, options.authority
        self._chance = random.Random(2)  # noqa: S311  # no secret
        self._idle: collections.deque[Connection] = collections.deque()
        self._kept = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.tally = Tally()

    def send(self, due: float) -> None:
        """A request is due; begins it and returns."""
        keeps = self.tally.sent % 2 == 0 and not self._always_new
        self.tally.sent += 1
        if len(self._tasks) >= MOST_IN_FLIGHT:
            self.tally.errors["too many in flight"] += 1
            return
        task = asyncio.get_running_loop().create_task(self._send(due, self._chance.choice(self._rows), keeps=keeps))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.tally.most_in_flight = max(self.tally.most_in_flight, len(self._tasks))

    async def finish(self) -> None:
        """Wait for the answers that are still to come."""
        await asyncio.gather(*self._tasks)
        for connection in self._idle:
            connection.close()

    async def _send(self, due: float, row: Row, *, keeps: bool) -> None:
        connection = None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                connection = await self._connection(keeps=keeps)
                answer = await connection.ask(self._request(row.body, keeps=keeps))
            self.tally.answered(answer, row.expected)
            if keeps and answer.headers.get("connection", "").lower() != "close":
                self._idle.append(connection)
                connection = None
        except (OSError, EOFError, TimeoutError, ValueError, KeyError, IndexError) as error:
            self.tally.errors[f"{type(error).__name__}: {error}"] += 1
        finally:
            if connection is not None:
                self._kept -= keeps
                connection.close()
            self.tally.slowest_seconds = max(self.tally.slowest_seconds, time.monotonic() - due)

    def _request(self, body: bytes, *, keeps: bool) -> bytes:
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"Host: {self._authority or f'{self._host}:{self._port}'}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Connection: {'keep-alive' if keeps else 'close'}",
        ]
        if self._key_file:
            key = self._key_file.read_text()
            lines.append(f"Authorization: Bearer {key}")
            self.tally.keys[key[-4:]] += 1
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def _connection(self, *, keeps: bool) -> Connection:
        while keeps and self._kept >= KEPT and self._idle:
            connection = self._idle.popleft()
            if not connection.reader.at_eof():
                return connection
            connection.close()  # the server has hung up; a new one is no retry, nothing was sent
            self._kept -= 1
        opened = await Connection.open(self._host, self._port)
        self._kept += keeps
        self.tally.connections += 1
        return opened


def rows_in(file: Path) -> list[Row]:
    """The bodies of a file, and the class of each."""
    listed = json.loads(file.read_bytes())
    return [Row(json.dumps(each["body"], separators=(",", ":")).encode(), each["expect"]) for each in listed]


def _class_in(document: dict[str, Any]) -> str:
    """The class in an answer of /v1, or the place of the largest score in one of /v2."""
    if "predictions" in document:
        return str(document["predictions"][0]["class"])
    scores: list[float] = document["outputs"][0]["data"]
    return str(scores.index(max(scores)))


def _tensors(body: bytes) -> bytes:
    """A body of /v1 with one row as one of /v2."""
    row = json.loads(body)["features"]
    tensor = {"name": "pixels", "datatype": "FP32", "shape": [1, len(row)], "data": row}
    return json.dumps({"inputs": [tensor]}).encode()


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(head[0].split()[1]), headers, body)


async def until_reachable(host: str, port: int, stop: asyncio.Event) -> None:
    """Wait for a connection; when none is taken, the load begins all the same, and its failures say why."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REACHABLE_SECONDS):
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    (await Connection.open(host, port)).close()
                    return
                await asyncio.sleep(0.2)


async def _run(options: argparse.Namespace, rows: list[Row]) -> Tally:
    load, stop = Load(options, rows), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await until_reachable(options.host, options.port, stop)
    started = time.monotonic()
    for seconds in _due(options.steps) if options.steps else (number / options.rate for number in itertools.count()):
        due = started + seconds
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0005, due - time.monotonic()))
        if stop.is_set():
            break
        load.send(due)
    await stop.wait()
    await load.finish()
    return load.tally


def _due(steps: list[Step]) -> Iterator[float]:
    """When requests are due, in seconds from the start."""
    chance, begins = random.Random(1), 0.0  # noqa: S311  # no secret
    for step in steps:
        at = begins
        begins += step.seconds
        while step.rate and (at := at + chance.expovariate(step.rate)) < begins:
            yield at


def main() -> None:
    """Read the options, send, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=20, help="requests per second")
    parser.add_argument("--steps", type=Step.parse, nargs="+", metavar="RATE:SECONDS", help="several rates in turn")
    parser.add_argument("--new", action="store_true", help="a new connection for every request")
    parser.add_argument("--key-file", type=Path, help="file with the API key, read again for every request")
    parser.add_argument("--body", required=True, help="file with the body of every request")
    parser.add_argument("--infer", default="", help="a model, which is asked over /v2")
    parser.add_argument("--expect", required=True, help="the class that every answer must have")
    parser.add_argument("--bodies", type=Path, help='in the place of both: [{"body": {...}, "expect": "7"}, ...]')
    parser.add_argument("--authority", default="", help="the header Host, by which a Gateway chooses a route")
    options = parser.parse_args()
    while options.key_file and not options.key_file.exists():
        time.sleep(0.1)
    rows = rows_in(options.bodies) if options.bodies else [Row(Path(options.body).read_bytes(), options.expect)]
    rows = [row._replace(body=_tensors(row.body)) for row in rows] if options.infer else rows
    sys.stdout.write(asyncio.run(_run(options, rows)).report() + "\n")


if __name__ == "__main__":
    main()
