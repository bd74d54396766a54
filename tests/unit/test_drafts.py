from __future__ import annotations

import stat
from pathlib import Path

import pytest
from plimsoll.drafts import make_folder, replace_file


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_made_or_replaced_whole_with_its_mode(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "state"
    replace_file(path, b"old", durable=durable)
    assert (path.read_bytes(), mode_of(path)) == (b"old", 0o600)
    replace_file(path, b"new", mode=0o640, durable=durable)
    assert (path.read_bytes(), mode_of(path)) == (b"new", 0o640)
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "state").symlink_to("victim")
    replace_file(tmp_path / "state", b"new")
    assert ((tmp_path / "victim").read_text(), (tmp_path / "state").read_text()) == ("precious", "new")


def test_a_file_that_cannot_be_replaced_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match="Is a directory"):
        replace_file(tmp_path / "folder", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "gone" / "state", b"new")


def test_a_folder_appears_with_all_its_files_for_everybody_to_read(tmp_path: Path) -> None:
    make_folder(tmp_path / "made", {"a": b"1", "b": b"2"})
    assert {each.name: each.read_bytes() for each in (tmp_path / "made").iterdir()} == {"a": b"1", "b": b"2"}
    assert mode_of(tmp_path / "made") == 0o755


def test_a_folder_of_which_a_file_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_folder(tmp_path / "made", {"a": b"1", "no/folder": b"2"})
    assert list(tmp_path.iterdir()) == []
