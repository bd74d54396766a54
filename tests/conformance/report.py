"""The report of a run: a row for each test, in Markdown for people or in JSON for the matrix."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

LEVELS = ("required", "recommended", "extension")


@dataclass(frozen=True)
class Row:
    """The outcome of one test; `reason` says why it failed or was skipped."""

    test: str
    level: str
    extension: str | None
    section: str
    outcome: str
    reason: str


class Report:
    """A plugin of pytest that keeps the outcome of each test, and writes them at the end."""

    def __init__(self, path: Path | None, model: str) -> None:
        self.rows: list[Row] = []
        self.server: dict[str, Any] = {}
        """The metadata of the server, as far as it is known."""
        self._path = path
        self._model = model

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of a test: that of its call, or of its set-up if that failed or skipped."""
        if report.when != "call" and report.outcome == "passed":
            return
        properties = dict(report.user_properties)
        name = report.nodeid.rsplit("::", 1)[-1]
        row = Row(
            test=name,
            level=str(properties["level"]),
            extension=None if properties["extension"] is None else str(properties["extension"]),
            section=str(properties["section"]),
            outcome=report.outcome,
            reason=_reason(report),
        )
        self.rows.append(row)

    def pytest_sessionfinish(self) -> None:
        """Write the report, if a file was named."""
        if self._path is None:
            return
        if self._path.suffix == ".json":
            tests = [asdict(row) for row in self.rows]
            text = json.dumps({"model": self._model, "server": self.server, "tests": tests}, indent=1)
        else:
            text = markdown(self._model, self.server, self.rows)
        self._path.write_text(text + "\n", encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the counts of each level."""
        terminalreporter.write_sep("=", "conformance")
        for line in counts(self.rows):
            terminalreporter.write_line(line)


def counts(rows: list[Row]) -> list[str]:
    """A sentence for each level, such as `required: 40 passed, 1 failed, 2 skipped`."""
    by_level = {level: Counter(row.outcome for row in rows if row.level == level) for level in LEVELS}
    return [
        f"{level}: {found['passed']} passed, {found['failed']} failed, {found['skipped']} skipped"
        for level, found in by_level.items()
    ]


def markdown(model: str, server: dict[str, Any], rows: list[Row]) -> str:
    """The whole report as a Markdown page."""
    named = f"{server.get('name', 'an unknown server')} {server.get('version', '')}".strip()
    extensions = ", ".join(map(str, server.get("extensions") or [])) or "none"
    lines = [f"# Conformance of the model {model} of {named}", "", f"- extensions advertised: {extensions}"]
    lines += [*(f"- {line}" for line in counts(rows)), ""]
    lines += ["| test | level | section | outcome | reason |", "|---|---|---|---|---|"]
    for row in rows:
        level = row.level if row.extension is None else f"{row.level}, {row.extension}"
        lines.append(f"| {row.test} | {level} | {row.section} | {row.outcome} | {cell(row.reason)} |")
    return "\n".join(lines)


def cell(text: str) -> str:
    """A text that a table can hold."""
    return text.replace("|", "\\|").replace("\n", " ")


def _reason(report: pytest.TestReport) -> str:
    """The sentence with which a test was skipped or failed, without the source around it."""
    if report.outcome == "passed":
        return ""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    message = str(crash.message if crash is not None else report.longrepr)
    first = message.splitlines()[0] if message else ""
    return first.removeprefix("AssertionError: ").split("\nassert ")[0][:300]
