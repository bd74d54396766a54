from __future__ import annotations

import os
import stat
import threading
from contextlib import aclosing
from pathlib import Path

import pytest
from plimsoll.errors import OperatorError
from plimsoll.watched_file import FileState, FileStates, FollowedFile, LastGoodCopy, WatchedFile
from plimsoll.yaml_file import YamlFile


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A file of digits that is followed; `looks` holds what was seen, and `parsed` each text that was parsed."""

    def __init__(self, path: Path, copy: LastGoodCopy | None = None) -> None:
        self.path = path
        self.clock = Clock()
        self.parsed: list[bytes] = []
        self.watched = WatchedFile(YamlFile(path, "digit file", OperatorError), self._parse, copy, self.clock)

    def look(self) -> int | str | None:
        """What a look gives; the message of an error."""
        found = self.watched.look()
        return found.message if isinstance(found, OperatorError) else found

    def _parse(self, document: bytes) -> int:
        self.parsed.append(document)
        if not document.strip().isdigit():
            raise OperatorError("no digits")
        return int(document)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    made = Watched(tmp_path / "digits")
    made.path.write_text("1")
    return made


def test_a_file_is_parsed_once_for_each_text(watched: Watched) -> None:
    assert [watched.look() for _ in range(3)] == [1, None, None]
    watched.path.write_text("2")
    assert [watched.look() for _ in range(3)] == [2, None, None]
    watched.path.touch()
    assert watched.look() is None
    assert watched.parsed == [b"1", b"2"]


def test_a_change_that_means_the_same_is_not_told(watched: Watched) -> None:
    assert watched.look() == 1
    watched.path.write_text("1 ")
    assert watched.look() is None
    assert watched.parsed == [b"1", b"1 "]


def test_a_change_within_one_tick_of_the_file_systems_clock_is_seen(watched: Watched) -> None:
    assert watched.look() == 1
    before = watched.path.stat()
    with watched.path.open("r+") as stream:
        stream.write("7")
    os.utime(watched.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watched.look() == 7


def test_a_file_that_has_settled_is_not_even_read(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plimsoll.watched_file._SETTLED_SECONDS", -1e9)
    assert watched.look() == 1
    monkeypatch.setattr(YamlFile, "read", lambda _: pytest.fail("it was read"))
    assert watched.look() is None


def test_each_way_to_replace_a_settled_file_is_seen(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plimsoll.watched_file._SETTLED_SECONDS", -1e9)
    assert watched.look() == 1
    draft = watched.path.with_name("draft")
    draft.write_text("2")
    times = watched.path.stat()
    os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))
    draft.replace(watched.path)
    assert watched.look() == 2
    folder = watched.path.with_name("..data")
    folder.mkdir()
    (folder / "digits").write_text("3")
    watched.path.unlink()
    watched.path.symlink_to("..data/digits")
    assert watched.look() == 3
    other = watched.path.with_name("..other")
    other.mkdir()
    (other / "digits").write_text("4")
    folder.rename(watched.path.with_name("..old"))
    other.rename(folder)
    assert watched.look() == 4


def test_an_error_is_told_once_and_its_end_too(watched: Watched) -> None:
    assert watched.look() == 1
    watched.path.write_text("x")
    assert [watched.look() for _ in range(3)] == ["no digits", None, None]
    watched.path.write_text("y")
    assert watched.look() is None
    watched.path.write_text("1")
    assert watched.look() == 1
    watched.path.unlink()
    assert watched.look() == "the digit file digits cannot be read: No such file or directory"
    watched.path.write_text("1")
    assert watched.look() == 1


def test_how_long_a_file_is_missing_is_known(watched: Watched) -> None:
    watched.look()
    assert watched.watched.missing_seconds == 0
    watched.path.unlink()
    for _ in range(3):
        watched.look()
        watched.clock.now += 5
    assert watched.watched.missing_seconds == 15
    watched.path.mkdir()
    watched.look()
    assert watched.watched.missing_seconds == 0


def test_the_newest_good_text_is_copied_for_others_and_for_nobody_else_to_read(tmp_path: Path) -> None:
    copy = LastGoodCopy(tmp_path / "digits.last-good")
    first = Watched(tmp_path / "digits", copy)
    first.path.write_text("5")
    first.look()
    first.path.write_text("broken")
    first.look()
    second = Watched(first.path, copy)
    assert second.look() == "no digits"
    assert second.watched.last_good() == 5
    assert stat.S_IMODE((tmp_path / "digits.last-good").stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["digits", "digits.last-good"]
    copy.drop()
    copy.drop()
    assert second.watched.last_good() is None


def test_a_copy_that_cannot_be_kept_or_used_is_no_copy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = LastGoodCopy(tmp_path / "none" / "digits.last-good")
    watched = Watched(tmp_path / "digits", nowhere)
    watched.path.write_text("5")
    assert watched.look() == 5
    assert "cannot save a copy of digits for workers that start later" in caplog.text
    assert watched.watched.last_good() is None
    (tmp_path / "spoilt").write_text("x")
    assert Watched(watched.path, LastGoodCopy(tmp_path / "spoilt")).watched.last_good() is None


class Followed(Watched):
    """The same file, followed: `reports` holds each state of it."""

    def __init__(self, path: Path, copy: LastGoodCopy | None = None) -> None:
        super().__init__(path, copy)
        self.reports: list[str] = []
        self.followed = FollowedFile(self.watched, self.reports.append)

    def news(self) -> tuple[int | None, str | None]:
        """The value and the message of the fault that a look gives."""
        value, fault = self.followed.look()
        return value, None if fault is None else fault.message


def test_each_value_and_each_fault_of_a_followed_file_is_news_once_and_reported(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "digits")
    followed.path.write_text("1")
    assert [followed.news() for _ in range(2)] == [(1, None), (None, None)]
    followed.path.write_text("x")
    assert [followed.news() for _ in range(2)] == [(None, "no digits"), (None, None)]
    followed.path.write_text("1")
    assert [followed.news() for _ in range(2)] == [(1, None), (None, None)]
    assert followed.reports == ["", "no digits", ""]


def test_the_copy_stands_in_for_a_file_that_is_broken_at_the_first_look_and_not_later(tmp_path: Path) -> None:
    copy = LastGoodCopy(tmp_path / "digits.last-good")
    copy.keep(b"5")
    followed = Followed(tmp_path / "digits", copy)
    followed.path.write_text("x")
    assert [followed.news() for _ in range(2)] == [(5, "no digits"), (None, None)]
    followed.path.unlink()
    assert followed.news() == (None, "the digit file digits cannot be read: No such file or directory")
    assert len(followed.reports) == 2


async def test_a_followed_file_is_read_in_a_thread_and_reported_on_the_event_loop(tmp_path: Path) -> None:
    threads: list[int] = []
    watched = Watched(tmp_path / "digits")
    watched.path.write_text("1")
    followed = FollowedFile(watched.watched, lambda _: threads.append(threading.get_ident()))
    async with aclosing(followed.changes()) as changes:
        assert (await anext(changes)).value == 1
    assert threads == [threading.get_ident()]


def test_the_state_of_every_file_is_kept_and_told() -> None:
    told: list[tuple[str, bool]] = []
    states = FileStates(lambda file, broken: told.append((file, broken)))
    states.report("keys")
    states.report("desired_state", "it is not YAML")
    states.report("keys", "it is missing")
    states.report("desired_state")
    assert states.states() == [FileState("keys", "it is missing"), FileState("desired_state")]
    assert told == [("keys", False), ("desired_state", True), ("keys", True), ("desired_state", False)]
