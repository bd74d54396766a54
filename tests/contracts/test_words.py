"""Holds the rules of plain words that a machine can see: how a docstring opens, and words that must not occur."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from plimsoll.settings import Settings
from plimsoll.telemetry.exposition import GPU_MEMORY
from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry

from tests.contracts.generated import REPOSITORY

SERVICE = REPOSITORY / "service" / "plimsoll"
OPENINGS = re.compile(r"\s*(What|Where|Who|Whom|Whose|How)\b")
DIALECT = re.compile(
    r"\b(beside|anew|all the same|of late|there where|where there is|goes? before|not one more|as it comes"
    r"|heed(s|ed)?|suffer(s|ed)?|suffices?|lest|put up with|gives? way|whoever|whomever|tells?|told|by why"
    r"|for one(?=[.,;:])|for company|passed over|doors?|shelf|boards?|with commas between them|(has|have) the last word"
    r"|(stands?|lies) in (the )?logs?|(goes|go) by what|what (it|they) (says|said|say) before|(is|are) there where)\b",
    re.IGNORECASE,
)
"""Words and phrases that none of these texts may use, because the field has a plainer word."""
CLAUSE_AS_SUBJECT = re.compile(r"(?:^|(?<=[.!] ))(?:What|Who|Whoever|Whatever)\b[^.!?]*[.!]", re.MULTILINE)
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "tests" / "e2e" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / "ops" / "runbooks").glob("*.md")),
]


def sources() -> list[Path]:
    """The files of the service to which the rules apply."""
    return sorted(SERVICE.rglob("*.py"))


def nodes(path: Path) -> Iterator[ast.AST]:
    """All nodes of the syntax tree of a file."""
    yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def literal(node: ast.AST) -> str:
    """The text in a string, an f-string or several of them in a row; empty if there is none."""
    parts = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return "".join(part for part in parts if isinstance(part, str))


def docstrings(path: Path) -> Iterator[str]:
    """The docstrings of a file: of its modules, classes and functions, and those below attributes."""
    for node in nodes(path):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def log_messages(path: Path) -> Iterator[str]:
    """The messages of the log calls of a file, as far as they are literals."""
    for node in nodes(path):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).startswith("_log."):
            yield literal(node.args[0])


def help_texts(path: Path) -> Iterator[str]:
    """The help texts of the options of a command."""
    for node in nodes(path):
        if isinstance(node, ast.keyword) and node.arg == "help":
            yield literal(node.value)


def prose(page: Path) -> str:
    """A page without commands, code, links and bold leads, its paragraphs on one line each."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)|\*\*[^*]*\*\*|<!--.*?-->", "", text)
    return re.sub(r"(?<=\S)\n(?=[^\n|#-])", " ", text)


def alert_texts() -> Iterator[tuple[str, str]]:
    """The summary and description of each alert, with its name."""
    document = yaml.safe_load((REPOSITORY / "ops" / "alerts" / "alerts.yaml").read_text(encoding="utf-8"))
    for group in document["groups"]:
        for rule in group["rules"]:
            for kind in ("summary", "description"):
                yield rule["alert"], rule["annotations"][kind]


def texts() -> Iterator[tuple[str, str]]:
    """Every text to which the words apply, with its place."""
    for name, field in Settings.model_fields.items():
        yield f"the setting {name}", field.description or ""
    for metric in (*MetricCatalog(CollectorRegistry(), 0.1).descriptions, GPU_MEMORY):
        yield f"the metric {metric.name}", metric.meaning
    for name, text in alert_texts():
        yield f"the alert {name}", text
    for path in sources():
        for message in log_messages(path):
            yield f"a log line of {path.relative_to(SERVICE)}", message
        for text in help_texts(path):
            yield f"a help text of {path.relative_to(SERVICE)}", text
        for text in docstrings(path):
            yield f"a docstring of {path.relative_to(SERVICE)}", " ".join(text.split())
    for page in PAGES:
        yield str(page.relative_to(REPOSITORY)), prose(page)


@pytest.mark.parametrize("path", sorted(SERVICE.rglob("*.py")), ids=lambda path: str(path.relative_to(SERVICE)))
def test_a_docstring_opens_with_what_it_does_or_is(path: Path) -> None:
    assert [text.splitlines()[0] for text in docstrings(path) if OPENINGS.match(text)] == []


def test_no_text_uses_a_word_of_the_dialect() -> None:
    found = [f"{where}: {match[0]!r}" for where, text in texts() for match in DIALECT.finditer(text)]
    assert found == []


def test_no_sentence_has_a_clause_as_its_subject() -> None:
    found = [f"{where}: {match[0]}" for where, text in texts() for match in CLAUSE_AS_SUBJECT.finditer(text)]
    assert found == []


def test_the_rules_find_what_they_are_for() -> None:
    assert DIALECT.search("A door of one version, and not one more.")
    assert CLAUSE_AS_SUBJECT.search("It stops. What was followed is followed no longer.")
    assert not CLAUSE_AS_SUBJECT.search("What does it cost?")
    assert any(log_messages(SERVICE / "background_tasks.py"))
    assert OPENINGS.match("What a request asks for.")
