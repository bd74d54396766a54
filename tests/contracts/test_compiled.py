"""The modules that the images compile: a list that mypyc can take, and classes that stay together."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path
from typing import TypeVar

import pytest

Node = TypeVar("Node", bound=ast.AST)

ROOT = Path(__file__).resolve().parents[2]
LISTED = (ROOT / "ops/compiled.txt").read_text().split()
SOURCES = {path.relative_to(ROOT / "service").as_posix(): path for path in (ROOT / "service/plimsoll").rglob("*.py")}


def test_the_list_is_sorted_and_names_modules_that_are_there() -> None:
    assert sorted(set(LISTED)) == LISTED
    assert [each for each in LISTED if each not in SOURCES] == []


@pytest.mark.parametrize("installed", [True, False])
def test_modules_of_torch_are_compiled_where_it_is_installed(installed: bool, tmp_path: Path) -> None:
    """The slim image is built without torch: mypyc would not find it, and the image could not be built."""
    programs = {"mypyc": 'printf "%s\\n" "$@" > given', "some-python": f"exit {int(not installed)}"}
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    script, path = ROOT / "ops/compile.sh", f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", script, tmp_path / "some-python"], cwd=tmp_path, env={"PATH": path}, check=True, timeout=30)
    given = [each for each in (tmp_path / "given").read_text().split() if each.startswith("plimsoll/")]
    assert given == [each for each in LISTED if installed or not each.startswith("plimsoll/runtime/pytorch/")]
    assert "plimsoll/inference/line.py" in given


@pytest.mark.parametrize("module", LISTED)
def test_a_compiled_module_has_no_generator_that_is_asynchronous(module: str) -> None:
    """Mypyc compiles none."""
    for function in _each(module, ast.AsyncFunctionDef):
        yields = [node for node in ast.walk(function) if isinstance(node, ast.Yield)]
        assert not yields, f"{function.name} has a yield; keep it in a module of its own that is not compiled"


def test_no_class_that_is_not_compiled_derives_from_a_compiled_one() -> None:
    """Python refuses that when it imports the class."""
    compiled = {node.name for module in LISTED for node in _each(module, ast.ClassDef)}
    for module in SOURCES.keys() - set(LISTED):
        for node in _each(module, ast.ClassDef):
            bases = {each.id for each in node.bases if isinstance(each, ast.Name)}
            same = bases & compiled - {other.name for other in _each(module, ast.ClassDef)}
            assert not same, (
                f"{node.name} in {module} derives from {', '.join(same)}: list {module} in ops/compiled.txt"
            )


def test_no_dependency_of_a_route_is_compiled() -> None:
    """FastAPI would take its arguments for parameters of the query, because it finds no annotations."""
    compiled = {module.removesuffix(".py").replace("/", ".") for module in LISTED}
    for module in SOURCES:
        imports = [node for node in _each(module, ast.ImportFrom) if node.module in compiled]
        imported = {alias.asname or alias.name for node in imports for alias in node.names}
        for call in _each(module, ast.Call):
            if isinstance(call.func, ast.Name) and call.func.id == "Depends":
                assert module not in LISTED, f"{module} has dependencies of routes: take it off the list"
                same = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)} & imported
                assert not same, f"{', '.join(same)} is a dependency in {module}: keep it in a module off the list"


@pytest.mark.parametrize("module", LISTED)
def test_no_compiled_class_is_one_whose_library_reads_annotations(module: str) -> None:
    """A compiled class has none, or other ones: msgspec would take every value for one of the wrong type."""
    for node in _each(module, ast.ClassDef):
        bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        same = bases & {"Struct", "BaseModel", "BaseSettings"}
        assert not same, f"{node.name} is a {', '.join(same)}: keep it in a module of its own that is not compiled"


def test_both_images_compile_by_default() -> None:
    for name in ("Dockerfile.cpu", "Dockerfile.gpu"):
        text = (ROOT / name).read_text()
        assert "ARG COMPILED=yes" in text
        assert "COPY --from=compiled /compiled/ /" in text


def _each(module: str, kind: type[Node]) -> list[Node]:
    return [node for node in ast.walk(ast.parse(SOURCES[module].read_text())) if isinstance(node, kind)]
