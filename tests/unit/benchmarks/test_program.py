"""A program leaves no process behind, however its block ends."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.program import Program
from tests.unit.eventually import eventually

FAMILY = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
same_group, other_group = subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)
print(same_group.pid, other_group.pid, flush=True)
time.sleep(600)
"""


class Family(Program):
    """A process with two children, one of which has left its group; ready once it has told who they are."""

    def ready(self) -> bool:
        return len(self.log().split()) == 2

    def members(self) -> list[int]:
        return [self.pid, *map(int, self.log().split())]


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(folder: Path, code: str = FAMILY) -> Family:
    return Family([sys.executable, "-c", code], folder, {})


@pytest.mark.parametrize("leave", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_nothing_is_left_when_the_block_is_interrupted(tmp_path: Path, leave: type[BaseException]) -> None:
    members: list[int] = []
    with pytest.raises(leave), family(tmp_path) as program:  # noqa: PT012  # the block is what is tested
        members = program.members()
        assert program.resident_bytes() > 0
        assert program.peak_bytes() > 0
        raise leave
    assert len(members) == 3
    assert not any(map(alive, members))


async def test_a_frozen_family_ends_too(tmp_path: Path) -> None:
    with family(tmp_path) as program:
        members = program.members()
        program.freeze()
        await eventually(lambda: {psutil.Process(member).status() for member in members} == {psutil.STATUS_STOPPED})
    assert not any(map(alive, members))


def test_a_program_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the server ended:\nnothing"), family(tmp_path, "print('nothing')"):
        pass
