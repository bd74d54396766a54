"""The conformance suite, proved on a small server of its own: honest, and with one fault at a time."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.matrix import matrix
from tests.conformance.report import Row, markdown
from tests.conformance.self_check import Run, runs

REPOSITORY = Path(__file__).parents[2]
SUITE = REPOSITORY / "tests" / "conformance"
# The first test waits for some thirty runs of the suite: 20 s of computing, which takes longer on a shared machine.
pytestmark = pytest.mark.timeout(300)
HONEST = [each for each in runs() if each.fault is None]
PLANTED = [each for each in runs() if each.fault is not None]
ALLOWED = {"pytest", "httpx", "numpy", "grpc", "google", "tests"}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    """One record for each run of the suite: the honest server with each model, then each fault."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-m", "tests.conformance.self_check", "--json"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=plain, capture_output=True, text=True, timeout=280, check=False
    )
    assert result.stdout.startswith("["), result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("honest", HONEST, ids=lambda run: run.model)
def test_an_honest_server_passes_the_suite(records: list[dict[str, Any]], honest: Run) -> None:
    (record,) = (each for each in records if each["model"] == honest.model and each["fault"] is None)
    assert record["failed"] == []
    assert record["passed"] > 100


@pytest.mark.parametrize("planted", PLANTED, ids=lambda run: run.fault)
def test_a_planted_fault_fails_its_test_and_no_other(records: list[dict[str, Any]], planted: Run) -> None:
    (record,) = (each for each in records if each["fault"] == planted.fault)
    cases = planted.fails is not None and "[" in planted.fails
    assert {name if cases else name.split("[")[0] for name in record["failed"]} == {planted.fails}


def test_at_least_ten_tests_are_proved_by_a_fault() -> None:
    assert len({planted.fails for planted in PLANTED}) >= 10


def test_the_suite_imports_nothing_of_the_service() -> None:
    for path in sorted(SUITE.glob("*.py")):  # peers/ has the model behind other servers
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
                names = [ast.literal_eval(node.args[0])]
            for name in names:
                first = name.split(".")[0]
                assert first in ALLOWED or first in sys.stdlib_module_names, f"{path.name} imports {name}"
                assert first != "tests" or name.startswith("tests.conformance"), f"{path.name} imports {name}"


def test_the_suite_is_no_part_of_the_tests_of_the_service() -> None:
    options = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    assert "tests/conformance" not in options["ini_options"]["testpaths"]


def test_reports_are_merged_into_a_matrix() -> None:
    good = Row("test_id[a]", "required", None, "Inference", "passed", "")
    bad = Row("test_id[b]", "required", None, "Inference", "failed", 'no "error": /srv/app/model.py | x')
    skipped = Row("test_raw", "extension", "binary_tensor_data", "Raw", "skipped", "not advertised")
    assert "| test_raw | extension, binary_tensor_data | Raw | skipped | not advertised |" in markdown(
        "m", {}, [skipped]
    )
    text = matrix({"A": [vars(good), vars(skipped)], "B": [vars(good), vars(bad)]})
    assert "| test_id | required | Inference | passed | **1 of 2 failed** |" in text
    assert "| test_raw | extension, binary_tensor_data | Raw | skipped |  |" in text
    assert '| B | required | test_id[b] | no "error": .../model.py \\| x |' in text
