"""Tests that manifests of every schema are read for good."""

from __future__ import annotations

import pytest

from tests.unit.bundle.test_manifest import FULL, parse


@pytest.mark.parametrize(("task", "now"), [("classification", "tabular-classification"), ("tensors", "tensors")])
def test_the_first_schema_is_read_for_good_and_its_tasks_by_their_names_of_today(task: str, now: str) -> None:
    read = parse({**FULL, "task": task})
    assert (read.schema_version, read.task, read.options) == (1, now, {})
