"""docs/observability.md names only what there is."""

from __future__ import annotations

import re

import pytest

from tests.contracts.dashboards.queries import boards, panels_of
from tests.contracts.generated import REPOSITORY
from tests.contracts.promql import metric_names

PAGE = (REPOSITORY / "docs" / "observability.md").read_text()
QUERIES = [
    line for block in re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines() if line.strip()
]
TITLES = {
    name: {panel["title"] for panel in (*panels_of(board), *(row for row in board["panels"] if row["type"] == "row"))}
    for name, board in boards().items()
}


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_is_one_and_reads_our_metrics(query: str) -> None:
    names = metric_names(query)
    assert names
    assert all(name.startswith(("plimsoll", "process_")) or name == "up" for name in names)


def test_every_panel_and_row_that_is_named_stands_on_that_board() -> None:
    sentences = re.findall(r"[Bb]oard \*(\w+)\*, (?:rows?|panels?) ((?:\*[^*]+\*(?:, | and )?)+)", PAGE)
    assert len(sentences) >= 8
    for board, words in sentences:
        assert set(re.findall(r"\*([^*]+)\*", words)) <= TITLES[board], board


def test_every_question_but_one_has_a_query() -> None:
    questions = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    assert [title.splitlines()[0] for title in questions if "```promql" not in title] == [
        "What became of this request?"
    ]


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (REPOSITORY / "docs" / target).exists(), target


def test_every_runbook_answers_one_of_the_questions() -> None:
    for runbook in (REPOSITORY / "ops" / "runbooks").glob("*.md"):
        assert f"(../ops/runbooks/{runbook.name})" in PAGE
