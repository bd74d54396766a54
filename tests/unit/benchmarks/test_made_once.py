"""What a bench keeps is made again when what it is made of has changed, and not otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench.made_once import make_once


def test_it_is_made_once_and_again_when_a_source_has_changed(tmp_path: Path) -> None:
    source, folder = tmp_path / "maker.py", tmp_path / "models" / "minilm" / "1"
    made = []

    def make() -> None:
        folder.mkdir()
        made.append(source.read_text(encoding="utf-8"))

    for content in ("lengths of one kind", "lengths of one kind", "lengths of another kind"):
        source.write_text(content, encoding="utf-8")
        make_once(folder, [source], make)
    assert made == ["lengths of one kind", "lengths of another kind"]
    assert list(folder.iterdir()) == []


def test_what_was_not_finished_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "half a file").touch()
    make_once(folder, [], folder.mkdir)
    assert list(folder.iterdir()) == []


def test_what_was_broken_off_is_made_again_though_the_sources_are_those_of_the_last_whole_one(tmp_path: Path) -> None:
    source, folder = tmp_path / "maker.py", tmp_path / "1"

    def break_off() -> None:
        folder.mkdir()
        (folder / "half a file").touch()
        raise KeyboardInterrupt

    source.write_text("old", encoding="utf-8")
    make_once(folder, [source], folder.mkdir)
    source.write_text("new", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        make_once(folder, [source], break_off)
    source.write_text("old", encoding="utf-8")
    make_once(folder, [source], folder.mkdir)
    assert list(folder.iterdir()) == []
