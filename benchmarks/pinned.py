"""A server on one core under wrk's load from another: what a request costs it in CPU time."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.findings import Findings
from benchmarks.report import run_and_tell
from benchmarks.server import REPOSITORY, Server
from benchmarks.wrk import Load, require_wrk, run_wrk

CONNECTIONS = 64
PATH = "/v1/predict"
PERCEPTRON = "models: [{name: digits, versions: [{version: '1'}]}]"
"""The desired state of the small model."""
_ROW = REPOSITORY / "examples" / "digits" / "7.json"
_MICROSECONDS = 1e6
Scenario = Callable[[int, float], Findings]
"""Measures in so many rounds of so many seconds."""


class Ask(NamedTuple):
    """A POST request of one row, and the header fields that it needs besides its Content-Type."""

    path: str = PATH
    body: Path = _ROW
    headers: Mapping[str, str] | None = None


ROW_OF_V1 = Ask()


@dataclass(frozen=True, slots=True)
class Round:
    """One round of load, and the CPU time that the server took for each of its requests."""

    load: Load
    cpu_us: float


def small_server(folder: Path, environment: Mapping[str, str] | None = None, module: str = "plimsoll") -> Server:
    """A server of the small model that will be `Pinned`, and is told so: it sees both cores when it starts."""
    return Server(REPOSITORY / "models", folder, {"PLIMSOLL_CPUS": "1", **(environment or {})}, PERCEPTRON, module)


class Pinned:
    """A running server, bound to the first core."""

    def __init__(self, server: Server) -> None:
        self.pid = server.pid
        self._server = server
        psutil.Process(server.pid).cpu_affinity([0])

    def load(self, seconds: float, ask: Ask = ROW_OF_V1) -> Load:
        """Ask it for one row at a time over all connections."""
        return run_wrk(self._server.address, ask.path, ask.body, CONNECTIONS, seconds, ask.headers)

    def round(self, seconds: float, ask: Ask = ROW_OF_V1) -> Round:
        """The same, measured."""
        before = self._server.cpu_seconds()
        load = self.load(seconds, ask)
        return Round(load, (self._server.cpu_seconds() - before) / load.requests * _MICROSECONDS)


def run_in_rounds(title: str, program: str, about: str, scenario: Scenario, *, rounds: int, seconds: float) -> int:
    """The whole of a program that measures in rounds: its options with these defaults, its transcript, its exit code.

    `program` is the module's name below `benchmarks`, `about` what `--help` says of it.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{program}", description=about)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often it is measured")
    parser.add_argument("--seconds", type=float, default=seconds, help="how long a round is")
    parser.add_argument("--transcript", type=Path, help="write what was found into this file, as Markdown")
    options = parser.parse_args()
    require_wrk()
    command = f"{parser.prog} --rounds {options.rounds} --seconds {options.seconds:g}"
    return run_and_tell(title, command, [partial(scenario, options.rounds, options.seconds)], options.transcript)
