"""Proves the suite: the reference server passes every test, and each planted fault fails the test that it must.

`python -m tests.conformance.self_check` prints a line for each run, and ends with 1 if one is not as it must be.
The gRPC side is a part of it where grpcio is installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.__main__ import run
from tests.conformance.reference_faults import FAULTS
from tests.conformance.reference_grpc import Respond as GrpcRespond
from tests.conformance.reference_grpc import answer, served_grpc
from tests.conformance.reference_grpc_faults import GRPC_FAULTS
from tests.conformance.reference_models import MODELS
from tests.conformance.reference_server import ReferenceServer, Respond, served

HAS_GRPC = importlib.util.find_spec("grpc") is not None


@dataclass(frozen=True)
class Run:
    """One run of the whole suite; `fails` names the test that must fail, None for the honest server."""

    model: str
    fault: str | None
    fails: str | None
    respond: Respond
    grpc: GrpcRespond = answer


def runs() -> list[Run]:
    """The honest server with each of its models, and then each fault."""
    honest = [Run(model, None, None, ReferenceServer()) for model in MODELS]
    faults = [Run("pair", fault.name, fault.fails, fault.planted(ReferenceServer())) for fault in FAULTS]
    grpc = [Run("pair", fault.name, fault.fails, ReferenceServer(), fault.respond) for fault in GRPC_FAULTS]
    return [*honest, *faults, *(grpc if HAS_GRPC else [])]


def outcomes(each: Run) -> dict[str, str]:
    """The outcome of each test of a run, by its name."""
    with contextlib.ExitStack() as stack:
        report = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "report.json"
        options = ["--url", stack.enter_context(served(each.respond)), "--model", each.model, "--report", str(report)]
        if HAS_GRPC:
            options += ["--grpc", stack.enter_context(served_grpc(each.grpc))]
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        run(*options, "--quiet", "--tb=no")
        rows: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["tests"]
    return {row["test"]: row["outcome"] for row in rows}


def record_of(each: Run) -> dict[str, Any]:
    """The run, the names of the tests that failed, how many passed, and whether all of that is as it must be."""
    found = outcomes(each)
    failed = [test for test, outcome in found.items() if outcome == "failed"]
    passed = sum(outcome == "passed" for outcome in found.values())
    only = all(each.fails in (test, test.split("[")[0]) for test in failed)
    right = passed > 100 and only and bool(failed) == (each.fails is not None)
    return {"model": each.model, "fault": each.fault, "failed": failed, "passed": passed, "right": right}


if __name__ == "__main__":
    records = [record_of(each) for each in runs()]
    if sys.argv[1:] == ["--json"]:
        sys.stdout.write(json.dumps(records))
    else:
        for record in records:
            name = f"{record['model']}, {record['fault'] or 'honest'}"
            verdict = "right" if record["right"] else "WRONG"
            sys.stdout.write(f"{verdict}: {name}: {record['passed']} passed, failed: {record['failed']}\n")
    sys.exit(not all(record["right"] for record in records))
