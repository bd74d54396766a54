"""What a test asks about a server that it attacks."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import psutil

from tests.hostile.wire import Address
from tests.integration.served_process import ServedProcess


class Served:
    """A server that runs, and what it says of itself."""

    def __init__(self, process: ServedProcess) -> None:
        self._process = process
        self.url = process.url
        url = httpx.URL(self.url)
        self.address = Address(url.host, url.port or 0)

    def log(self) -> str:
        """What it has logged so far."""
        return self._process.log()

    def count(self, metric: str, **labels: str) -> float:
        """The sum of a metric over the series with these labels; 0 where there is none."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        text = httpx.get(f"{self.url}/metrics").text
        series = re.findall(rf"^{metric}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for found, value in series if all(label in found for label in wanted))

    def refused(self, reason: str) -> float:
        """How many connections it has refused or closed for this reason."""
        return self.count("plimsoll_connections_refused_total", reason=reason)

    def in_flight(self) -> int:
        """How many requests it says are in flight, without the one that asks."""
        found: int = httpx.get(f"{self.url}/v1/health/detailed").json()["requests_in_flight"]
        return found - 1

    def connections(self) -> int:
        """How many connections it has with anybody else."""
        with httpx.Client(timeout=30) as own:
            own.get(f"{self.url}/livez")
            states = (psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT, psutil.CONN_FIN_WAIT1, psutil.CONN_FIN_WAIT2)
            open_ = [each for each in self.process().net_connections("tcp") if each.laddr.port == self.address.port]
            return sum(each.status in states for each in open_) - 1

    def process(self) -> psutil.Process:
        """The process, for its memory and its descriptors."""
        return psutil.Process(self._process.pid)

    def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        """Return once it holds; fails after a minute."""
        self._process.wait_for(lambda: holds() or None, what)
