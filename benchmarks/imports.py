"""Which packages a server imports until it is ready, and how long their modules take: of a commit before, and now.

Run by `python -m benchmarks.imports --before 6fb6e63 --transcript benchmarks/results/imports.md`. Both take turns, and
of each package the fastest round counts, because Python's `-X importtime` measures by the clock on the wall.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.findings import Findings
from benchmarks.report import run_and_tell
from benchmarks.server import REPOSITORY, Server

NOT_NEEDED = frozenset(
    {
        # Other commands.
        "PIL", "httpx", "plimsoll.judge", "plimsoll.rollout", "rich", "tenacity", "tokenizers",
        # Tracing, where no endpoint is set, and what it brings.
        "google", "opentelemetry.exporter", "opentelemetry.instrumentation", "opentelemetry.sdk", "requests", "wrapt",
        # Several workers, and gRPC.
        "grpc", "gunicorn", "uvicorn_worker",
        # What only making or proving a bundle by hand needs, and what nothing needs.
        "jinja2", "jsonschema_rs", "matplotlib", "numpy.ma", "onnx", "onnxscript", "pandas", "scipy", "transformers",
    }
)  # fmt: skip
"""Packages and modules that a server of the digits, with the settings as they are, never imports."""
_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$", re.MULTILINE)
_BUNDLES = {
    "a torch bundle": REPOSITORY / "models",
    "an ONNX bundle": REPOSITORY / "examples" / "onnx-models",
}
_SHOWN = 25


class Imported(NamedTuple):
    """One module, and the microseconds of its own code, without those of the modules that it imports."""

    module: str
    microseconds: int


class Share(NamedTuple):
    """What the modules of one package come to."""

    modules: int
    microseconds: int

    def __str__(self) -> str:
        return f"{self.modules} modules, {self.microseconds / 1000:.0f} ms" if self.modules else "not imported"


def main() -> int:
    """Measure, show and write down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--before", required=True, help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is started")
    parser.add_argument("--transcript", type=Path, help="write what was found into this file, as Markdown")
    options = parser.parse_args()
    command = f"{parser.prog} --before {options.before} --rounds {options.rounds}"
    with tempfile.TemporaryDirectory() as folder:
        before = _service_of(options.before, Path(folder))
        scenarios = [partial(_measured, bundle, before, options) for bundle in _BUNDLES]
        return run_and_tell("Imports", command, scenarios, options.transcript)


def imported(log: str) -> list[Imported]:
    """The modules in what a process with `-X importtime` has written."""
    return [Imported(module, int(microseconds)) for microseconds, module in _LINE.findall(log)]


def not_needed(modules: Iterable[str]) -> set[str]:
    """Those of `NOT_NEEDED` that are, or have, one of these modules."""
    return {each for module in modules for each in NOT_NEEDED if f"{module}.".startswith(f"{each}.")}


def by_package(rounds: Sequence[Sequence[Imported]]) -> dict[str, Share]:
    """What each top-level package comes to, in its fastest round."""
    found: dict[str, Share] = {}
    for modules in rounds:
        count, microseconds = Counter[str](), Counter[str]()
        for each in modules:
            package = each.module.partition(".")[0]
            count[package] += 1
            microseconds[package] += each.microseconds
        for package, taken in microseconds.items():
            share = Share(count[package], taken)
            found[package] = min(share, found.get(package, share), key=lambda each: each.microseconds)
    return found


def dearest(before: Mapping[str, Share], after: Mapping[str, Share]) -> list[tuple[str, Share, Share]]:
    """The packages that take longest, before or after, each with both shares."""
    none = Share(0, 0)
    both = [(package, before.get(package, none), after.get(package, none)) for package in {*before, *after}]
    return sorted(both, key=lambda row: max(row[1].microseconds, row[2].microseconds), reverse=True)[:_SHOWN]


def _measured(bundle: str, before: Path, options: argparse.Namespace) -> Findings:
    findings = Findings(
        bundle, f"fastest of {options.rounds} starts; on the left commit {options.before}, on the right this one"
    )
    rounds: dict[Path, list[list[Imported]]] = {before: [], REPOSITORY / "service": []}
    for _ in range(options.rounds):
        for service, found in rounds.items():
            found.append(_imports_of(service, _BUNDLES[bundle]))
    old, new = (by_package(found) for found in rounds.values())
    extra = not_needed(each.module for each in rounds[REPOSITORY / "service"][-1])
    findings.none("packages that are imported and not needed", len(extra), examples=", ".join(sorted(extra)))
    findings.note("all packages", f"{_sum(old.values())} → {_sum(new.values())}")
    for package, left, right in dearest(old, new):
        findings.note(package, f"{left} → {right}")
    return findings


def _sum(shares: Iterable[Share]) -> Share:
    shares = list(shares)
    return Share(sum(each.modules for each in shares), sum(each.microseconds for each in shares))


def _imports_of(service: Path, models: Path) -> list[Imported]:
    environment = {"PYTHONPATH": f"{service}:{REPOSITORY}", "PYTHONPROFILEIMPORTTIME": "1"}
    with tempfile.TemporaryDirectory() as folder, Server(models, Path(folder), environment) as server:
        return imported(server.log())


def _service_of(commit: str, folder: Path) -> Path:
    """The package as it was at a commit, unpacked into a folder."""
    archive = subprocess.run(  # noqa: S603  # a fixed program, and a commit of the person who calls
        ["git", "archive", commit, "service"],  # noqa: S607  # wherever git is
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as opened:
        opened.extractall(folder, filter="data")
    return folder / "service"


if __name__ == "__main__":
    sys.exit(main())
