"""What the pages say exists and works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from plimsoll.cli.commands import app
from plimsoll.rollout.judge_metrics import VerdictMetrics
from plimsoll.settings import Settings, variable_name
from typer.main import get_command

from tests.contracts.adapter import adapter_rules
from tests.contracts.generated import REPOSITORY
from tests.integration.served_process import ServedProcess

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
OPERATIONS = [file for file in (REPOSITORY / "ops").rglob("*") if file.suffix in (".md", ".yaml", ".json")]
CHART_PAGES = sorted((REPOSITORY / "charts").rglob("*.md"))
CHART = CHART_PAGES + sorted((REPOSITORY / "charts").rglob("*.tpl"))


def commands_of(group: object) -> dict[str, object]:
    """The commands of `plimsoll`, or of one of its groups; of a command there are none."""
    return getattr(group, "commands", {})


COMMANDS = {name: set(commands_of(each)) for name, each in commands_of(get_command(app)).items()}
"""The commands of `plimsoll` by their names, and those below each."""
GROUPS = f"(?:{'|'.join(name for name, below in COMMANDS.items() if below)})"
named = pytest.mark.parametrize("page", [*PAGES, *CHART], ids=lambda page: str(page.relative_to(REPOSITORY)))


@named
def test_every_make_target_and_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for line in re.findall(r"(?:`|^)make ((?:[a-z0-9-]+ ?)+)", text, re.MULTILINE):
        assert set(line.split()) <= targets
    for command in set(re.findall(rf"plimsoll ((?:{GROUPS} )?[a-z-]+)", re.sub(r"charts/plimsoll \S+", "", text))):
        name, *below = command.split()
        if name in COMMANDS:
            assert set(below) <= COMMANDS[name], f"plimsoll {command}"
    for command in re.findall(r"`(?:\.venv/bin/)?plimsoll ([a-z]+)\b", text):
        assert command in COMMANDS, f"plimsoll {command}"


@named
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {variable_name(field) for field in Settings.model_fields} | {"PLIMSOLL_API_KEY"}
    spoken = set(re.findall(r"\bPLIMSOLL_[A-Z0-9_]+\b", page.read_text()))
    assert {name for name in spoken if not name.startswith(("PLIMSOLL_E2E_", "PLIMSOLL_IMAGE"))} <= known


@named
def test_every_page_that_is_linked_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_file_that_contributing_names_exists() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    spoken = set(re.findall(r"`((?:\.ci|docs|ops|requirements|service|tests)/[\w./-]+|[A-Z]+\.md|[a-z]+\.toml)`", text))
    assert len(spoken) > 15
    assert {name for name in spoken if not (REPOSITORY / name).exists()} == set()


def test_every_page_has_one_line_in_the_index() -> None:
    index = REPOSITORY / "docs" / "README.md"
    lines = re.findall(r"^- \[.+?\]\(([^)]+)\): \S.+\.$", index.read_text(), re.MULTILINE)
    listed = [(index.parent / line).resolve() for line in lines]
    assert len(listed) == len(set(listed))
    assert set(listed) >= {*PAGES, *CHART_PAGES} - {index}
    assert "(docs/README.md)" in (REPOSITORY / "README.md").read_text()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    served = ServedProcess(models=REPOSITORY / "models")
    served.start()
    yield served.ready()
    served.kill()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt install curl")
def test_the_first_screen_of_the_readme_works(url: str) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    (block,) = re.findall(r"In another terminal:\n\n```bash\n(.*?)```", readme, re.DOTALL)
    curl, predict = block.strip().splitlines()
    answer = subprocess.run(
        ["bash", "-euc", curl.replace("http://127.0.0.1:8000", url)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=100
    ).stdout  # fmt: skip
    assert json.loads(answer)["predictions"][0]["class"] == 7
    command = predict.replace(".venv/bin/plimsoll", f"{sys.executable} -m plimsoll") + f" --url {url}"
    printed = subprocess.run(
        ["bash", "-euc", command], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=100
    ).stdout
    assert json.loads(printed)["predictions"][0]["class"] == 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt install curl")
@pytest.mark.parametrize("page", ["limits", "errors"])
def test_a_page_shows_what_is_refused(url: str, page: str) -> None:
    text = (REPOSITORY / "docs" / f"{page}.md").read_text()
    (block,) = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    for command in block.strip().splitlines():
        request, _, announced = command.partition("# ")
        told = subprocess.run(
            ["bash", "-euc", request.replace("http://127.0.0.1:8000", url) + " --write-out '\n%{http_code}'"],
            capture_output=True, text=True, check=True, timeout=100
        ).stdout  # fmt: skip
        body, status = told.splitlines()
        code = json.loads(body)["error"]["code"]
        assert re.match(rf"{status} {code}\b", announced), told


def test_every_metric_that_is_named_is_scraped(url: str) -> None:
    httpx.post(url + "/v1/predict", json={"features": [0.0] * 784})
    scrape = httpx.get(url + "/metrics").text
    there = set(re.findall(r"^# TYPE (\w+)", scrape, re.MULTILINE)) | set(re.findall(r"^(\w+)", scrape, re.MULTILINE))
    files = (*PAGES, *CHART, *OPERATIONS)
    spoken = {metric for file in files for metric in re.findall(r"\bplimsoll_[a-z_]+\b", file.read_text())}
    assert len(spoken) > 20
    passed_on = {rule["name"]["as"] for rule in adapter_rules()}  # by the adapter, from what Prometheus records
    of_judge = {family.name for family in VerdictMetrics().collect()}  # which serves its own
    assert spoken - there - passed_on - of_judge <= {"plimsoll_gpu_memory_bytes"}, "which is there where a GPU is"
