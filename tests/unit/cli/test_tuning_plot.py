from __future__ import annotations

from pathlib import Path

import pytest
import typer
from plimsoll.cli import tuning_plot
from plimsoll.cli.tuning_plot import caption_of, check_plot, draw

from tests.unit.cli.test_tuning_table import tuning


def test_the_speeds_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "speeds.svg"
    check_plot(path)
    draw(path, tuning(), [1], "digits 1", "here")
    assert path.read_text(encoding="utf-8").count("<svg") == 1


def test_the_caption_says_by_what_it_was_measured() -> None:
    found = {"evaluation": None, "turns": 7, "threads": 2, "processor": "Some"}
    assert caption_of(found) == "golden rows; medians of 7 turns, bars are quartiles; 2 threads of Some"
    rows = {"rows": 1000, "file": "heldout.csv"}
    assert caption_of({**found, "evaluation": rows}).startswith("1000 rows of heldout.csv; ")


def test_a_plot_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(typer.BadParameter, match=r"should end in .png, .svg or .pdf"):
        check_plot(tmp_path / "speeds.gif")
    with pytest.raises(typer.BadParameter, match="is in a folder that does not exist"):
        check_plot(tmp_path / "none" / "speeds.png")
    monkeypatch.setattr(tuning_plot, "find_spec", lambda _: None)
    with pytest.raises(typer.BadParameter, match=r"needs matplotlib, .*pip install 'plimsoll\[plot\]'"):
        check_plot(tmp_path / "speeds.png")
