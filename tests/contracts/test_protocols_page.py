"""docs/protocols.md: its table and the tests of the clients are the same, and its examples run."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client_process import CLIENTS
from tests.contracts.generated import REPOSITORY
from tests.integration.served_process import ServedProcess

PAGE = (REPOSITORY / "docs" / "protocols.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?P<call>[^|]+) \| (?P<works>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE)


def names_of_tests() -> list[str]:
    """The names of all tests in tests/clients."""
    return [
        node.name
        for path in sorted((REPOSITORY / "tests" / "clients").glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_the_table_names_each_test_of_the_clients_and_no_other() -> None:
    existing = names_of_tests()
    assert len(existing) == len(set(existing)), "a name in the table stands for one test"
    named = re.findall(r"`(test_\w+)`", PAGE)
    assert set(named) == set(existing)


def test_every_row_says_whether_it_works_and_names_a_test() -> None:
    rows = [row for row in ROW.finditer(PAGE) if row["works"] not in ("works", "---")]
    assert len(rows) > 30
    for row in rows:
        assert re.match(r"(yes|no: \S+|in part|accepted, and not used|on the admin port alone)$", row["works"]), row[0]
        assert re.fullmatch(r"`test_\w+`(, `test_\w+`)*", row["tests"]), row[0]


@pytest.mark.parametrize("package", ["tritonclient", "kserve", "mlserver", "openai"])
def test_the_page_names_the_versions_that_are_locked(package: str) -> None:
    locked = re.search(
        rf"^{package}(?:\[.*\])?==(\S+)", (REPOSITORY / "requirements/clients.txt").read_text(), re.MULTILINE
    )
    assert locked is not None
    assert f"{package} {locked[1]}" in PAGE


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    process = ServedProcess(models=REPOSITORY / "models")
    process.start()
    yield process.ready().removeprefix("http://")
    process.kill()


@pytest.mark.parametrize("client", ["tritonclient", "kserve", "mlserver infer"])
def test_each_example_prints_7(address: str, tmp_path: Path, client: str) -> None:
    found = re.search(rf"^\*\*{client}\*\*\n\n```(?P<language>\w+)\n(?P<code>.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    code = found["code"].replace("127.0.0.1:8000", address)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    command = [str(CLIENTS / "python"), "-c", code] if found["language"] == "python" else ["bash", "-euc", code]
    ran = subprocess.run(
        command, cwd=tmp_path, env={"PATH": f"{CLIENTS}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
        timeout=100,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["7"]), ran.stderr
