"""Proves the suite: the reference server passes every test, and each planted fault fails the test that it must.

`python -m tests.conformance.self_check` prints a line for each run, and ends with 1 if one is not as it must be.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conformance.__main__ import run
from tests.conformance.reference_faults import FAULTS
from tests.conformance.reference_models import MODELS
from tests.conformance.reference_server import ReferenceServer, Respond, served


def outcomes(respond: Respond, model: str) -> dict[str, str]:
    """The outcome of each test against a server, by its name."""
    with tempfile.TemporaryDirectory() as folder, served(respond) as url:
        report = Path(folder) / "report.json"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            run("--url", url, "--model", model, "--report", str(report), "--quiet", "--tb=no")
        rows: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["tests"]
    return {row["test"]: row["outcome"] for row in rows}


def check() -> list[dict[str, Any]]:
    """A record for each run: the model, the fault, and the tests that failed, passed and should have failed."""
    runs: list[tuple[str, str | None, Respond, str | None]]
    runs = [(model, None, ReferenceServer(), None) for model in MODELS]
    runs += [("pair", fault.name, fault.planted(ReferenceServer()), fault.fails) for fault in FAULTS]
    records = []
    for model, fault, respond, expected in runs:
        found = outcomes(respond, model)
        names = {outcome: [test for test, each in found.items() if each == outcome] for outcome in set(found.values())}
        records.append({"model": model, "fault": fault, "expected": expected, **names})
    return records


def is_right(record: dict[str, Any]) -> bool:
    """Whether a run failed in the test that it had to, and in no other."""
    failed, expected = record.get("failed", []), record["expected"]
    if expected is None:
        return not failed and bool(record.get("passed"))
    return bool(failed) and all(test == expected or test.split("[")[0] == expected for test in failed)


if __name__ == "__main__":
    found = check()
    if sys.argv[1:] == ["--json"]:
        sys.stdout.write(json.dumps(found))
    else:
        for each in found:
            sys.stdout.write(f"{'right' if is_right(each) else 'WRONG'} {each['model']} {each['fault'] or 'honest'}: "
                             f"{len(each['passed'])} passed, failed {each.get('failed', [])}\n")  # fmt: skip
    sys.exit(not all(is_right(each) for each in found))
