"""docs/tasks.md: every task and every model of the examples, in words that the code and the bundles hold true."""

from __future__ import annotations

import re

import pytest
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden_requests import read_requests
from plimsoll.tasks import TASKS

from tests.contracts.example_models import MODELS, REPOSITORY, Model
from tests.contracts.tasks_page import TASK_WORDS, anchor_of, tables

PAGE = (REPOSITORY / "docs" / "tasks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_row_and_a_line_in_the_choice_of_a_task(name: str) -> None:
    choice = PAGE.partition("## Which task for my model?")[2].partition("\n## ")[0]
    assert f"`{name}`" in choice
    assert f"| `{name}` | {TASK_WORDS[name].purpose} |" in PAGE


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_model_has_a_section_with_its_measured_quality(model: Model) -> None:
    section = tables().partition(f"### {model}\n")[2].partition("\n### ")[0]
    assert f"(#{anchor_of(model)})" in PAGE
    for name, metric in model.manifest.metrics.items():
        shown = re.search(rf"{re.escape(name)} (-?[\d.]+)", section)
        assert shown is not None, name
        assert abs(float(shown[1]) - metric.value) < 0.01 * max(1.0, abs(metric.value)), name


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_words_of_a_task_name_the_fields_that_its_models_answer(model: Model) -> None:
    words = TASK_WORDS[model.manifest.task]
    for request in read_requests(open_bundle(model.folder)):
        for prediction in request.predictions:
            assert {
                name
                for name in prediction
                if f'"{name}"' not in words.prediction and f"`{name}`" not in words.prediction
            } == set()
