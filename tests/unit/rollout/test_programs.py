from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.rollout.programs import LocalPrograms, ProgramFailed, ProgramMissing


def test_a_program_gets_its_input_and_gives_its_output() -> None:
    assert LocalPrograms().run("cat", stdin="{}") == "{}"


def test_a_failure_has_the_last_line_as_its_reason() -> None:
    with pytest.raises(ProgramFailed) as caught:
        LocalPrograms().run("sh", "-c", "echo first >&2; echo 'Error: last' >&2; exit 3")
    assert (caught.value.message, caught.value.said) == ("sh failed: Error: last", "first\nError: last\n")


def test_a_program_that_does_not_end_is_ended() -> None:
    with pytest.raises(ProgramFailed, match="no answer within 0 s"):
        LocalPrograms().run("sleep", "60", timeout_seconds=0.1)


def test_a_missing_program_is_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match=r"helm is not on PATH; install Helm 3\.14 or later"):
        LocalPrograms().run("helm", "version")
    with pytest.raises(ProgramMissing, match="kubectl is not on PATH; install kubectl"):
        LocalPrograms().run("kubectl", "version")


def test_ctrl_c_does_not_reach_it() -> None:
    session = LocalPrograms().run("sh", "-c", "ps -o sid= -p $$")
    assert session.strip() != LocalPrograms().run("sh", "-c", "ps -o sid= -p $PPID").strip()
