"""A server on one core under wrk's load from another: what a request costs it in CPU time."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from benchmarks.server import REPOSITORY, Server
from benchmarks.wrk import Load, run_wrk

CONNECTIONS = 64
PATH = "/v1/predict"
PERCEPTRON = "models: [{name: digits, versions: [{version: '1'}]}]"
"""The desired state of the small model."""
_ROW = REPOSITORY / "examples" / "digits" / "7.json"
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Round:
    """One round of load, and the CPU time that the server took for each of its requests."""

    load: Load
    cpu_us: float


class Pinned:
    """A running server, bound to the first core."""

    def __init__(self, server: Server) -> None:
        self.pid = server.pid
        self._server = server
        psutil.Process(server.pid).cpu_affinity([0])

    def load(self, seconds: float) -> Load:
        """Ask it for one row at a time over all connections."""
        return run_wrk(self._server.address, PATH, _ROW, CONNECTIONS, seconds)

    def round(self, seconds: float) -> Round:
        """The same, measured."""
        before = self._server.cpu_seconds()
        load = self.load(seconds)
        return Round(load, (self._server.cpu_seconds() - before) / load.requests * _MICROSECONDS)
