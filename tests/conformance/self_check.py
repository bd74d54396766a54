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

import httpx
import pytest

from tests.conformance.__main__ import run
from tests.conformance.conftest import TRANSPORT
from tests.conformance.reference_faults import FAULTS
from tests.conformance.reference_grpc import Respond as GrpcRespond
from tests.conformance.reference_grpc import answer, served_grpc
from tests.conformance.reference_grpc_faults import GRPC_FAULTS
from tests.conformance.reference_models import MODELS
from tests.conformance.reference_server import Call, ReferenceServer, Respond, served

_QUICK = ["--quiet", "--tb=no", "--capture=no"]
_QUICK += [
    f"-pno:{plugin}" for plugin in ("logging", "unraisableexception", "threadexception", "faulthandler", "warnings")
]
"""What a run leaves out of pytest, whose own work would take more time than the tests do."""
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


class InThisProcess(httpx.BaseTransport):
    """Hands each request to the reference server without a socket, which takes no time of other threads."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._respond(Call(request.method, request.url.path, headers, request.read()))
        length = {"Content-Length": str(len(answer.body))}
        return httpx.Response(answer.status, headers=answer.headers | length, content=answer.body)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the place of sockets in a run of which this is a plugin."""
        config.stash[TRANSPORT] = self


def outcomes(each: Run) -> dict[str, str]:
    """The outcome of each test of a run, by its name: the honest server has sockets, the others have not."""
    with contextlib.ExitStack() as stack:
        report = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "report.json"
        options = ["--model", each.model, "--report", str(report), *_QUICK]
        plugins = []
        if each.fault is None:
            options += ["--url", stack.enter_context(served(each.respond))]
        else:
            options += ["--url", "http://in-this-process"]
            plugins.append(InThisProcess(each.respond))
        if HAS_GRPC and (each.fault is None or each.grpc is not answer):
            options += ["--grpc", stack.enter_context(served_grpc(each.grpc))]
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        run(*options, plugins=plugins)
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
