from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.access.keys import new_key, read_keys

from tests.unit.cli.conftest import RunPlimsoll


def test_the_entry_that_is_printed_belongs_under_keys_and_finds_the_key(plimsoll: RunPlimsoll, tmp_path: Path) -> None:
    ran = plimsoll("keys", "new", "--label", "shop", "--scope", "admin")
    key = ran.err.splitlines()[0].removeprefix("key (shown only now): ")
    file = tmp_path / "keys.yaml"
    file.write_text(f"keys:\n{ran.out}")
    found = read_keys(file).find(key)
    assert found is not None
    assert (ran.code, found.label, found.scopes) == (0, "shop", frozenset({"admin"}))


@pytest.mark.parametrize("label", ["a b", "", "-a", "a" * 64, "\udcff", "é"])
def test_a_label_that_is_no_name_is_exit_code_2(plimsoll: RunPlimsoll, label: str) -> None:
    ran = plimsoll("keys", "new", "--label", label)
    assert (ran.code, ran.out) == (2, "")
    assert "a label is made of letters, digits, dots and dashes, 63 at most" in ran.complaint


@pytest.mark.parametrize("form", ["{}", "shop-{}"])
def test_a_key_is_no_label_and_is_not_printed(plimsoll: RunPlimsoll, form: str) -> None:
    key, _ = new_key()
    ran = plimsoll("keys", "new", "--label", form.format(key))
    assert (ran.code, ran.out) == (2, "")
    assert "the log shows labels, and this label contains an API key; choose a name" in ran.complaint
    assert key not in ran.err
