from __future__ import annotations

import pytest
from plimsoll.cli.settings import markdown_table
from plimsoll.settings import Settings, variable_name

from tests.unit.cli.conftest import RunPlimsoll

VARIABLES = [variable_name(name) for name in Settings.model_fields]


def test_every_setting_is_listed_with_its_value_its_default_and_what_it_does(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLIMSOLL_PORT", "9999")
    ran = plimsoll("settings")
    assert ran.code == 0
    for variable in VARIABLES:
        assert variable in ran.out
    (row,) = [line for line in ran.out.splitlines() if "PLIMSOLL_PORT" in line]
    assert "9999" in row
    assert "8000" in row
    assert "0 chooses a" in row


@pytest.mark.parametrize("value", ["a [bold] name", "a [/stray] tag", "[numbers]"])
def test_a_value_is_shown_word_for_word(plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PLIMSOLL_DEFAULT_MODEL", value)
    ran = plimsoll("settings")
    assert ran.code == 0
    assert value in ran.out


def test_a_value_that_cannot_be_used_is_exit_code_2(plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_PORT", "tcp://10.0.0.1:8000")
    ran = plimsoll("settings")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: PLIMSOLL_PORT: 'tcp://10.0.0.1:8000' is an address that Kubernetes injects")


def test_the_table_for_the_readme_has_one_row_for_every_setting_whatever_is_set_here(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLIMSOLL_PORT", "not even a number")
    ran = plimsoll("settings", "--markdown")
    assert ran.code == 0
    assert ran.out == markdown_table() + "\n"
    head, rule, *rows = ran.out.splitlines()
    assert head == "| variable | default | what it does |"
    assert rule == "|---|---|---|"
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [cell[0] for cell in cells] == [f"`{variable}`" for variable in VARIABLES]
    assert all(len(cell) == 3 and cell[2] for cell in cells)


@pytest.mark.parametrize(
    ("variable", "default"),
    [
        ("PLIMSOLL_PORT", "`8000`"),
        ("PLIMSOLL_METRICS_PORT", ""),
        ("PLIMSOLL_TRUST_PT2", "`false`"),
        ("PLIMSOLL_OBJECTIVE_MS", "`100`"),
        ("PLIMSOLL_MODELS_DIR", "`models`"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    ],
)
def test_a_default_is_written_as_one_would_set_it(variable: str, default: str) -> None:
    (row,) = [line for line in markdown_table().splitlines() if f"`{variable}`" in line]
    assert row.split("|")[2].strip() == default
