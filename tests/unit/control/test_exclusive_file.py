from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest
from plimsoll.control import exclusive_file
from plimsoll.control.exclusive_file import ExclusiveFile
from plimsoll.errors import DesiredStateNotWritable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "state.yaml"
    made.write_text("old")
    made.chmod(0o640)
    return made


def lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def refusal(path: Path) -> str:
    with pytest.raises(DesiredStateNotWritable) as caught, ExclusiveFile(path, "the state").locked():
        pass
    return caught.value.message


def test_a_file_is_replaced_whole_and_keeps_its_mode(path: Path) -> None:
    with ExclusiveFile(path, "the state").locked():
        ExclusiveFile(path, "the state").replace(b"new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)
    assert stat.S_IMODE(lock_of(path).stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == [".state.yaml.lock", "state.yaml"]


def test_a_lock_that_is_a_link_is_not_followed(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    lock_of(path).symlink_to("victim")
    assert refusal(path) == "the lock file of the state is a symbolic link; remove it"
    assert victim.read_text() == "precious"
    lock_of(path).unlink()
    lock_of(path).symlink_to("created")
    assert "is a symbolic link" in refusal(path)
    assert not path.with_name("created").exists()


def test_a_lock_that_is_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(lock_of(path))
    assert refusal(path) == "the lock file of the state is not a plain file; remove it"


def test_a_file_that_is_a_link_is_not_written(path: Path) -> None:
    link = path.with_name("link.yaml")
    link.symlink_to("state.yaml")
    assert "is a symbolic link, as Kubernetes mounts a file" in refusal(link)
    assert "helm upgrade" in refusal(link)
    assert not lock_of(link).exists()


def test_a_lock_that_another_process_holds_has_its_own_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusive_file, "_LOCK_SECONDS", 0.05)
    with lock_of(path).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert refusal(path) == "another process has held the lock of the state for 0.05 s; try again"
    with ExclusiveFile(path, "the state").locked():
        pass


def test_changes_of_many_threads_follow_each_other(path: Path) -> None:
    path.write_text("0")

    def add() -> None:
        exclusive = ExclusiveFile(path, "the state")
        with exclusive.locked():
            exclusive.replace(str(int(path.read_text()) + 1).encode())

    threads = [threading.Thread(target=add) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert path.read_text() == "12"


def test_a_replacement_that_fails_leaves_the_file_and_no_draft(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ExclusiveFile(path, "the state").replace(b"new")
    assert [each.name for each in path.parent.iterdir()] == ["state.yaml"]
    assert path.read_text() == "old"
