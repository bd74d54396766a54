"""Memory of a server under pictures and texts of random size: the second round may not need more than the first.

Run by `python -m benchmarks.input_memory --models examples/models --transcript benchmarks/results/input-memory.md`. One
server serves the folder; each round sends so many requests, in turn to every model that takes texts or pictures.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from benchmarks.client import Address, Connection, request_bytes
from benchmarks.findings import Findings
from benchmarks.measures import MEBIBYTE
from benchmarks.report import run_and_tell
from benchmarks.server import Server

MOST_GROWTH_PERCENT = 5
_CONNECTIONS = 8
_SETTLE_SECONDS = 2.0
_PATIENT = {"PLIMSOLL_READY_WHEN": "all", "PLIMSOLL_START_SECONDS": "600", "PLIMSOLL_REQUEST_TIMEOUT_MS": "300000"}
"""Settings of the server: memory is measured, so a slow machine may take its time."""
_MOST_ROWS = 4
_MOST_CHARACTERS = 8_000
_MOST_PIXELS_A_SIDE = 1_000
_ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "äöüßéèñçø", "абвгдежзик", "漢字仮名交文", "😀🚀🌊", "0123456789.,!?")
_ROUNDS = ("first", "second")


def random_text(chance: random.Random) -> str:
    """A text of words in some alphabets; most are short, and some are longer than any model reads."""
    length = int(_MOST_CHARACTERS ** chance.random())
    words: list[str] = []
    while length > 0:
        word = "".join(chance.choices(chance.choice(_ALPHABETS), k=chance.randint(1, 9)))
        words.append(word)
        length -= len(word) + 1
    return " ".join(words)


def random_picture(chance: random.Random) -> str:
    """A picture in base64: of any size and shape, in colour or not, with or without alpha, as PNG, JPEG or WebP."""
    size = chance.randint(1, _MOST_PIXELS_A_SIDE), chance.randint(1, _MOST_PIXELS_A_SIDE)
    kind = chance.choice(("PNG", "JPEG", "WEBP"))
    modes = {"PNG": ("L", "RGB", "RGBA", "P"), "JPEG": ("L", "RGB", "CMYK"), "WEBP": ("RGB", "RGBA")}
    picture = Image.new("RGB", size, tuple(chance.choices(range(256), k=3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(8):
        corners = [(chance.randrange(size[0]), chance.randrange(size[1])) for _ in range(2)]
        pen.line(corners, tuple(chance.choices(range(256), k=3)), chance.randint(1, 20))
    written = io.BytesIO()
    picture.convert(chance.choice(modes[kind])).save(written, kind)
    return base64.b64encode(written.getvalue()).decode()


def out_of_many(make: Callable[[random.Random], str], many: int) -> Callable[[random.Random], str]:
    """Chooses among so many rows, which `make` makes at first: drawing one takes longer than an answer."""
    made: list[str] = []

    def row(chance: random.Random) -> str:
        while len(made) < many:
            made.append(make(chance))
        return chance.choice(made)

    return row


_picture = out_of_many(random_picture, 500)
ROWS: Mapping[str, Callable[[random.Random], str]] = {
    "text-classification": random_text,
    "token-classification": random_text,
    "embeddings": random_text,
    "image-classification": _picture,
    "object-detection": _picture,
}
"""A random row for each task that reads texts or pictures."""


def requests(tasks: Mapping[str, str], seed: int) -> Iterator[tuple[str, bytes]]:
    """Endless requests, each with the name of its model, in turn to each of these models, by their tasks."""
    chance = random.Random(seed)  # noqa: S311  # the same rows in every run
    for name in itertools.cycle(tasks):
        rows = [ROWS[tasks[name]](chance) for _ in range(chance.randint(1, _MOST_ROWS))]
        yield name, request_bytes("POST", f"/v1/models/{name}/predict", json.dumps({"instances": rows}).encode())


def main() -> int:
    """Measure, show and write down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.input_memory", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("examples/models"), help="folder of the bundles to serve")
    parser.add_argument("--requests", type=int, default=5000, help="in each of the two rounds")
    parser.add_argument("--seed", type=int, default=26, help="of the rows")
    parser.add_argument("--transcript", type=Path, help="write what was found into this file, as Markdown")
    options = parser.parse_args()
    command = f"{parser.prog} --models {options.models} --requests {options.requests} --seed {options.seed}"
    return run_and_tell("Memory by inputs", command, [lambda: _measured(options)], options.transcript)


def _measured(options: argparse.Namespace) -> Findings:
    setting = f"{options.requests} requests of 1 to {_MOST_ROWS} rows in each round, {_CONNECTIONS} connections"
    findings = Findings(f"texts and pictures of random size for {options.models}", setting)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(options.models.resolve(), Path(folder), _PATIENT)
        server.patience_seconds = float(_PATIENT["PLIMSOLL_START_SECONDS"])
        with server:
            tasks = _tasks(server.address)
            for name, task in tasks.items():
                findings.note(f"model {name}", task)
            sizes = [server.resident_bytes()]
            statuses: Counter[str] = Counter()
            source = requests(tasks, options.seed)
            for turn in _ROUNDS:
                statuses += asyncio.run(_round(server.address, itertools.islice(source, options.requests)))
                time.sleep(_SETTLE_SECONDS)
                sizes.append(server.resident_bytes())
                findings.note(f"resident memory after the {turn} round", f"{sizes[-1] / MEBIBYTE:.1f} MiB")
    findings.note("resident memory before", f"{sizes[0] / MEBIBYTE:.1f} MiB")
    findings.note("answers", ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items())))
    findings.none("answers 5xx", sum(count for status, count in statuses.items() if status.startswith("5")))
    findings.at_least("answers 200", statuses["200"], 2 * options.requests)
    findings.at_most("memory grown by the second round", (sizes[2] / sizes[1] - 1) * 100, MOST_GROWTH_PERCENT, "%")
    return findings


def _tasks(address: Address) -> dict[str, str]:
    """The task of each model that takes texts or pictures."""
    with httpx.Client(base_url=f"http://{address.host}:{address.port}", timeout=30, trust_env=False) as client:
        names = [each["name"] for each in client.get("/v1/models", params={"limit": 100}).json()["models"]]
        described: dict[str, Any] = {name: client.get(f"/v1/models/{name}").json()["versions"] for name in names}
    tasks = {name: next(each["task"] for each in versions if each["task"]) for name, versions in described.items()}
    found = {name: task for name, task in tasks.items() if task in ROWS}
    if not found:
        raise SystemExit(f"no model there takes texts or pictures; the tasks are {', '.join(tasks.values()) or 'none'}")
    return found


async def _round(address: Address, asked: Iterator[tuple[str, bytes]]) -> Counter[str]:
    """Send every request; returns how many answers had each status."""
    statuses: Counter[str] = Counter()

    async def client() -> None:
        async with Connection(address) as connection:
            for _, request in asked:
                statuses[str((await connection.ask(request)).status)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(client())
    return statuses


if __name__ == "__main__":
    sys.exit(main())
