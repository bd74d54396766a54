"""The findings of a run, for people: counts that were asserted, and times and sizes that were only written down."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.cluster import run, server_version

_RESULTS = "tests/e2e/results"
"""The folder that a run itself writes to; changes in it are none of the code."""


class Transcript:
    """A list of findings, in the order in which they were made."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str]] = []
        self._seconds: dict[str, float] = {}

    def note(self, what: str, value: object) -> None:
        """Add a finding."""
        self._rows.append((what, str(value)))

    def took(self, part: str, seconds: float) -> None:
        """Add to the time that a part of the run has taken."""
        self._seconds[part] = self._seconds.get(part, 0) + seconds

    def markdown(self) -> str:
        """A table of all findings, and one of the time that each part took."""
        tables = [_table("what", "value", self._rows)]
        if self._seconds:
            tables.append(_table("part", "took", [(part, f"{took:.0f} s") for part, took in self._seconds.items()]))
        return "\n\n".join(tables)

    def publish(self) -> None:
        """Append the table, with commit, date and cluster, to the file of PLIMSOLL_E2E_TRANSCRIPT, if that is set."""
        target = os.environ.get("PLIMSOLL_E2E_TRANSCRIPT")
        if target and self._rows:
            helm = run("helm", "version", "--template={{.Version}}")
            commit = run("git", "rev-parse", "--short", "HEAD").strip()
            if run("git", "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{_RESULTS}"):
                commit += ", and changes"
            made = (
                f"Commit {commit}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; Kubernetes {server_version()}, Helm {helm}."
            )
            with Path(target).open("a", encoding="utf-8") as file:
                file.write(f"# End to end\n\n{made}\n\n{self.markdown()}\n")


def _table(left: str, right: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"| {left} | {right} |", "|---|---|", *(f"| {one} | {other} |" for one, other in rows)])
