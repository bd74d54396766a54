"""Every wait in the tests has an end, so that a test that hangs says where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.generated import REPOSITORY

RUNS = {f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")}


def endless_waits(text: str) -> Iterator[str]:
    """Each call that waits for a process or a thread, and takes no timeout.

    A coroutine that is awaited or handed to asyncio is left out: `asyncio.timeout` may stand anywhere around it, and
    the time limit of the test ends it in any case.
    """
    tree = ast.parse(text)
    of_asyncio = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Await):
            of_asyncio.add(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("asyncio."):
            of_asyncio.update(node.args)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node not in of_asyncio and _is_endless(node):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def _is_endless(call: ast.Call) -> bool:
    options = {keyword.arg for keyword in call.keywords}
    if options & {"timeout", None}:  # None: a mapping of options, which may hold it
        return False
    if ast.unparse(call.func) in RUNS:
        return True
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return method == "communicate" or (method in ("wait", "join") and not call.args)


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(REPOSITORY))
)
def test_every_wait_for_a_process_or_a_thread_has_a_timeout(path: Path) -> None:
    assert list(endless_waits(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "process.wait()", "process.communicate()", "process.communicate(b'x')", "thread.join()", "released.wait()",
        "subprocess.run(['true'], check=True)", "subprocess.check_output(['true'])",
    ],
)  # fmt: skip
def test_an_endless_wait_is_found(line: str) -> None:
    assert len(list(endless_waits(f"def test() -> None:\n    {line}\n"))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "process.wait(60)", "process.wait(timeout=60)", "process.communicate(timeout=60)", "thread.join(60)",
        "', '.join(names)", "subprocess.run(['true'], timeout=60)", "subprocess.run(['true'], **options)",
        "await event.wait()", "await asyncio.wait_for(event.wait(), 60)", "asyncio.create_task(event.wait())",
    ],
)  # fmt: skip
def test_a_wait_with_an_end_is_left_alone(line: str) -> None:
    assert list(endless_waits(f"async def test() -> None:\n    {line}\n")) == []
