"""Every `helm install` and `helm upgrade` with values that a page shows is one that the chart takes."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.contracts.alerts.rules import RUNBOOKS
from tests.contracts.chart import needs_helm, objects
from tests.contracts.generated import REPOSITORY

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "charts" / "plimsoll" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted(RUNBOOKS.glob("*.md")),
]
# What only a cluster can heed; the values of the last release are the chart's own here.
OF_A_CLUSTER = {"--wait", "--reset-then-reuse-values", "--install"}


def commands(text: str) -> list[str]:
    """The lines of a page's code blocks that give values to a release of ours; one that goes on is one."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    joined = [re.sub(r"--set-json '[^']*'", lambda found: found[0].replace("\n", " "), block) for block in blocks]
    lines = [line for block in joined for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if re.match(r"helm .*\b(install|upgrade) .*charts/plimsoll.*--set", line)]


def as_template(command: str) -> list[str]:
    """The same release as `helm template` renders it, with a name in place of each `$NAME`."""
    named = re.sub(r"\$\{?([A-Z_]+)\}?", lambda found: found[1].lower().replace("_", "-"), command)
    words = [word for word in shlex.split(named, comments=True) if word not in OF_A_CLUSTER]
    return ["template" if word in ("install", "upgrade") else word for word in words]


COMMANDS = [(page, command) for page in PAGES for command in commands(page.read_text(encoding="utf-8"))]


def rendered(command: str) -> str:
    """What the chart makes of a command's values; fails where it refuses them."""
    words = as_template(command)
    result = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, f"{command}\n{result.stderr}"
    return result.stdout


@needs_helm
@pytest.mark.parametrize(
    ("page", "command"), COMMANDS, ids=[f"{page.stem}-{number}" for number, (page, _) in enumerate(COMMANDS)]
)
def test_the_chart_takes_the_values_of_a_command(page: Path, command: str) -> None:
    kinds = {each["kind"] for each in objects(rendered(command))}
    assert {"Deployment", "Service"} <= kinds, page


def test_the_pages_show_such_commands() -> None:
    assert {page.stem for page, _ in COMMANDS} >= {"README", "observability", "bring-your-model", "PlimsollShedding"}


@needs_helm
@pytest.mark.parametrize("written", ["--set tracing.ratio=0.01", "--set-json tracing.ratio=0.01"])
def test_the_share_of_traced_requests_may_be_a_number_or_what_set_makes_of_one(written: str) -> None:
    command = f"helm upgrade $RELEASE charts/plimsoll --set tracing.endpoint=http://c:4318 {written}  # traced"
    assert 'value: "0.01"' in rendered(command)


@needs_helm
def test_a_value_that_the_chart_refuses_is_noticed() -> None:
    with pytest.raises(AssertionError, match="ratio"):
        rendered(
            "helm -n $NS upgrade $RELEASE charts/plimsoll --reset-then-reuse-values --set tracing.ratio=many --wait"
        )
