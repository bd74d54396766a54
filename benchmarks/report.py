"""The transcript of a run, for people: what must hold and whether it does, and on what it was measured."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.findings import Findings
from benchmarks.server import REPOSITORY


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, of what and on what a run was made."""

    commit: str
    date: str
    machine: str
    busy: str


def this_occasion() -> Occasion:
    """The checked-out commit, the time, and the machine without its name; call before the run loads the machine."""
    commit = _git("rev-parse", "--short", "HEAD").stdout.strip() or "unknown"
    if _git("--no-optional-locks", "diff", "--quiet", "HEAD", "--", "service", "models").returncode:
        commit += ", with changes that are not committed"
    gibibytes = psutil.virtual_memory().total / (1 << 30)
    machine = (
        f"{os.cpu_count()} cores ({platform.machine()}), {gibibytes:.0f} GiB, {platform.system()}; "
        f"Python {platform.python_version()}, torch {version('torch')}; client and server share the cores"
    )
    return Occasion(
        commit, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", machine, f"{os.getloadavg()[0]:.1f} processes wanted to run"
    )


def console() -> Console:
    """Where people are told; wide enough for the tables where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else 140)


def run_and_tell(title: str, command: str, scenarios: Sequence[Callable[[], Findings]], transcript: Path | None) -> int:
    """Run what there is to run, show it, write it down where a transcript is asked for; the exit code."""
    shown, occasion = console(), this_occasion()
    runs = []
    for scenario in scenarios:
        started = time.monotonic()
        with shown.status(title):
            runs.append(scenario())
        runs[-1].took(time.monotonic() - started)
        shown.print(table(runs[-1]))
    if transcript is not None:
        transcript.parent.mkdir(parents=True, exist_ok=True)
        transcript.write_text(markdown(title, occasion, command, runs), encoding="utf-8")
    return 0 if all(run.hold for run in runs) else 1


def markdown(title: str, occasion: Occasion, command: str, runs: Sequence[Findings]) -> str:
    """The whole transcript."""
    lines = [
        f"# {title}",
        "",
        f"Made by `{command}`; overwritten by the next run.",
        "",
        "| | |",
        "|---|---|",
        f"| commit | {occasion.commit} |",
        f"| date | {occasion.date} |",
        f"| machine | {occasion.machine} |",
        f"| load in the minute before | {occasion.busy} |",
        f"| result | {'every line holds' if all(run.hold for run in runs) else 'NOT every line holds'} |",
    ]
    for run in runs:
        lines += ["", f"## {run.scenario}", "", f"{run.setting}.", ""]
        lines += ["| must show | bound | measured | |", "|---|---|---|---|"]
        lines += [
            f"| {claim.what} | {claim.bound} | {_cell(claim.measured)} | {'holds' if claim.holds else '**FAILS**'} |"
            for claim in run.claims
        ]
        lines += ["", "| figure | |", "|---|---|", *(f"| {what} | {_cell(value)} |" for what, value in run.notes)]
    return "\n".join(lines) + "\n"


def table(run: Findings) -> Table:
    """One scenario's claims and figures, for a terminal."""
    shown = Table("must show", "bound", "measured", "", title=run.scenario, title_justify="left")
    for claim in run.claims:
        verdict = "[green]holds" if claim.holds else "[red]FAILS"
        shown.add_row(claim.what, claim.bound, claim.measured, verdict)
    shown.add_section()
    for what, value in run.notes:
        shown.add_row(what, "", value, "")
    return shown


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # a fixed program, fixed arguments
        ["git", *arguments],  # noqa: S607  # wherever git is
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
