"""The rules of the house, held by tests: floors, sizes, generated files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.generated import GENERATED, REPOSITORY

LONGEST_FILE = 300
LONGEST_FUNCTION = 60
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "manager", "misc"}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]


@pytest.mark.parametrize(
    "path",
    sources("service", "training", "benchmarks", "ops", "tests"),
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_files_and_functions_are_short_and_named_for_what_they_hold(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    assert path.stem not in FORBIDDEN_NAMES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{node.name} is too long"


def test_only_the_settings_touch_the_environment() -> None:
    readers = [
        path.relative_to(REPOSITORY).as_posix()
        for path in sources("service")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv")
    ]
    assert set(readers) == {"service/plimsoll/settings/__init__.py"}


def test_imports_go_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", GENERATED)
def test_generated_files_are_up_to_date(name: str) -> None:
    assert (REPOSITORY / name).read_text() == GENERATED[name](), "run make settings-table and make openapi"
