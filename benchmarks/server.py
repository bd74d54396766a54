"""The service under measurement: a process of its own on free ports."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.client import Address
from benchmarks.program import Program

REPOSITORY = Path(__file__).resolve().parent.parent
UNSAMPLED_TRACING = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0",
}
"""Tracing as the chart sets it up, of no request; nobody listens for the spans."""


def compiled(checkout: Path) -> Path:
    """Where `make compiled` puts the service of a checkout as the images have it; that is measured once it is there.

    Raises:
        RuntimeError: it was compiled of other sources than those of the checkout.
    """
    made, sources = checkout / "build" / "compiled", checkout / "service"
    if not made.exists():
        return made
    for source in (sources / "plimsoll").rglob("*.py"):
        copy = made / source.relative_to(sources)
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            raise RuntimeError(f"{made} is not of these sources: run `make compiled` again, or remove it")
    return made


class Server(Program):
    """`python -m plimsoll serve` for the length of a `with` block, ready when the block begins.

    It works and logs in `folder`; `module` may be another one that serves by the same command. With a `desired` state
    it follows `folder/desired.yaml` and has an admin API.
    """

    def __init__(
        self,
        models: Path,
        folder: Path,
        environment: Mapping[str, str],
        desired: str | None = None,
        module: str = "plimsoll",
    ) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "OTEL_"))}
        own = {"PLIMSOLL_LOG_FORMAT": "json", "PYTHONPATH": f"{compiled(REPOSITORY)}:{REPOSITORY}", **environment}
        if desired is not None:
            state = folder / "desired.yaml"
            state.write_text(desired, encoding="utf-8")
            own |= {"PLIMSOLL_DESIRED_STATE": str(state), "PLIMSOLL_ADMIN_PORT": "0"}
        command = [sys.executable, "-m", module, "serve", "--port", "0", "--models", str(models)]
        super().__init__(command, folder, {**inherited, **own})

    @property
    def address(self) -> Address:
        """Where the API listens."""
        return self._listens("listening on")

    @property
    def admin_address(self) -> Address:
        """Where the admin API listens."""
        return self._listens("admin API on")

    def ready(self) -> bool:
        """Whether its models are loaded, proven and warm."""
        host, port = self.address
        with urllib.request.urlopen(f"http://{host}:{port}/readyz", timeout=5):
            return True

    def log_lines(self) -> Iterator[dict[str, Any]]:
        """What it has logged so far."""
        for line in self.log().splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)

    def _listens(self, words: str) -> Address:
        found = re.search(rf"{words} http://([0-9.]+):(\d+)", self.log())
        if found is None:
            raise LookupError(f"the log does not say '{words}'")
        return Address(found[1], int(found[2]))
