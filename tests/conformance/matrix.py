"""Merges the JSON reports of several servers: `python -m tests.conformance.matrix "Name 1.0=a.json" "Other=b.json"`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.conformance.report import LEVELS, cell

_PATH = re.compile(r"(?<![\w.:/])(/[\w.+-]+){2,}/")
"""The folders of a path of the machine, which a server may have put into its error."""
Rows = list[dict[str, Any]]


def matrix(reports: dict[str, Rows]) -> str:
    """Three tables in Markdown: tests by level, a row for each test, and the cases that failed with their reasons.

    A test has passed if all of its cases have that were not skipped.
    """
    return "\n".join([*_counts(reports), "", *_tests(reports), "", *_failures(reports)])


def outcome(rows: Rows, test: str) -> str:
    """The outcome of a test with all its cases, such as `passed`, `3 of 5 failed` or `skipped`."""
    found = Counter(row["outcome"] for row in rows if _function(row) == test)
    ran = found["passed"] + found["failed"]
    if not ran:
        return "skipped" if found else ""
    if not found["failed"]:
        return "passed"
    return "**failed**" if ran == 1 else f"**{found['failed']} of {ran} failed**"


def _function(row: dict[str, Any]) -> str:
    return str(row["test"]).split("[", maxsplit=1)[0]


def _counts(reports: dict[str, Rows]) -> list[str]:
    lines = ["| server | " + " | ".join(LEVELS) + " |", "|---|" + "---|" * len(LEVELS)]
    for server, rows in reports.items():
        cells = []
        for level in LEVELS:
            tests = {_function(row) for row in rows if row["level"] == level}
            found = Counter(outcome([row for row in rows if row["level"] == level], test) for test in tests)
            ran = len(tests) - found["skipped"]
            cells.append(f"{found['passed']} of {ran} passed, {found['skipped']} skipped")
        lines.append(f"| {server} | " + " | ".join(cells) + " |")
    return lines


def _tests(reports: dict[str, Rows]) -> list[str]:
    lines = ["| test | level | section | " + " | ".join(reports) + " |", "|---|---|---|" + "---|" * len(reports)]
    kinds = {_function(row): row for rows in reports.values() for row in rows}
    for test, row in kinds.items():
        level = row["level"] if row["extension"] is None else f"{row['level']}, {row['extension']}"
        cells = [outcome(rows, test) for rows in reports.values()]
        lines.append(f"| {test} | {level} | {row['section']} | " + " | ".join(cells) + " |")
    return lines


def _failures(reports: dict[str, Rows]) -> list[str]:
    lines = ["| server | level | test that failed | reason |", "|---|---|---|---|"]
    for server, rows in reports.items():
        for row in rows:
            if row["outcome"] == "failed":
                reason = cell(_PATH.sub(".../", row["reason"]))
                lines.append(f"| {server} | {row['level']} | {row['test']} | {reason} |")
    return lines


def main() -> None:
    """Print the matrix of the reports that are named on the command line."""
    parser = argparse.ArgumentParser(description="Merges the JSON reports of several servers into a matrix.")
    parser.add_argument("reports", nargs="+", metavar="NAME=REPORT.json")
    reports = {}
    for given in parser.parse_args().reports:
        name, _, path = given.partition("=")
        reports[name] = json.loads(Path(path).read_text(encoding="utf-8"))["tests"]
    sys.stdout.write(matrix(reports) + "\n")


if __name__ == "__main__":
    main()
