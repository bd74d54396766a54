"""Tests that manifests of every schema are read for good."""

from __future__ import annotations

import pytest
from plimsoll.errors import BundleError

from tests.unit.bundle.test_manifest import FULL, parse


@pytest.mark.parametrize(("task", "now"), [("classification", "tabular-classification"), ("tensors", "tensors")])
def test_the_first_schema_is_read_for_good_and_its_tasks_by_their_names_of_today(task: str, now: str) -> None:
    read = parse({**FULL, "task": task})
    assert (read.schema_version, read.task, read.options) == (1, now, {})


@pytest.mark.parametrize("version", [True, 1.0, 2.0, 3.0, "2", None])
def test_a_schema_is_a_whole_number(version: object) -> None:
    with pytest.raises(BundleError, match="a whole number from 1 to 3 is expected"):
        parse({**FULL, "schema_version": version})


def test_a_precision_came_with_the_third_schema_and_an_earlier_server_says_which_it_reads() -> None:
    fields = {**FULL, "task": "tabular-classification", "model": {**FULL["model"], "precision": "bfloat16"}}
    model = parse({**fields, "schema_version": 3}).model
    assert model.model_dump(exclude_none=True)["precision"] == "bfloat16"
    with pytest.raises(BundleError, match="schema_version is 2, which has no 'precision' of a model; it came with 3"):
        parse({**fields, "schema_version": 2})
    with pytest.raises(BundleError, match=r"model\.safetensors\.precision"):
        parse({**fields, "schema_version": 3, "model": {**FULL["model"], "precision": "int8"}})
