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
