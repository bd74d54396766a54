from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plimsoll.control.version_registry import VersionState, VersionStatus
from plimsoll.control.worker_board import WorkerBoard

READY = VersionStatus("digits", "1", VersionState.READY)


def another_worker(folder: Path, **states: list[str | None]) -> None:
    """What a worker that lives, this test's parent, would have written."""
    document = {name.replace("_", "/"): state for name, state in states.items()}
    (folder / f"{os.getppid()}.json").write_text(json.dumps(document))


def test_alone_a_worker_is_the_slowest(tmp_path: Path) -> None:
    board = WorkerBoard(tmp_path)
    board.publish([READY])
    assert board.slowest(READY) == (VersionState.READY, None)


@pytest.mark.parametrize(
    ("state", "reason"), [("loading", None), ("warming", None), ("failed", "check 'digest' failed"), ("draining", None)]
)
def test_the_one_that_is_least_far_counts(tmp_path: Path, state: str, reason: str | None) -> None:
    another_worker(tmp_path, digits_1=[state, reason])
    assert WorkerBoard(tmp_path).slowest(READY) == (VersionState(state), reason)


def test_one_that_is_further_does_not(tmp_path: Path) -> None:
    another_worker(tmp_path, digits_1=["ready", None])
    loading = VersionStatus("digits", "1", VersionState.LOADING)
    assert WorkerBoard(tmp_path).slowest(loading) == (VersionState.LOADING, None)


def test_one_that_has_not_heard_of_a_version_is_still_to_load_it(tmp_path: Path) -> None:
    another_worker(tmp_path, digits_2=["ready", None])
    assert WorkerBoard(tmp_path).slowest(READY) == (VersionState.LOADING, None)


@pytest.mark.parametrize(
    ("states", "has"),
    [
        ({}, False),
        ({"digits_1": ["draining", None]}, False),
        ({"digits_1": ["draining", None], "digits_2": ["ready", None]}, True),
        ({"digits_1": ["loading", None]}, True),
        ({"other_1": ["ready", None]}, False),
    ],
)
def test_another_worker_has_a_model_until_all_its_versions_drain(tmp_path: Path, states: Any, has: bool) -> None:
    board = WorkerBoard(tmp_path)
    board.publish([READY])
    assert not board.others_have("digits"), "only this worker has it"
    another_worker(tmp_path, **states)
    assert board.others_have("digits") is has


def test_one_that_is_gone_does_not_count(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(60)
    (tmp_path / f"{ended.pid}.json").write_text(json.dumps({"digits/1": ["failed", "it crashed"]}))
    assert WorkerBoard(tmp_path).slowest(READY) == (VersionState.READY, None)


@pytest.mark.parametrize("spoilt", ["", "{", "\x00" * 20])
def test_what_a_full_disk_has_left_of_a_file_is_as_if_nothing_was_told(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / f"{os.getppid()}.json").write_text(spoilt)
    assert WorkerBoard(tmp_path).slowest(READY) == (VersionState.LOADING, None)


def test_a_folder_that_cannot_be_written_costs_a_warning_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    WorkerBoard(tmp_path / "gone").publish([READY])
    assert (
        "cannot share the load progress of this worker with the other workers: No such file or directory" in caplog.text
    )
