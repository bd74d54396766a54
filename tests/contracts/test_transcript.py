"""The transcript of an end-to-end run says what was found, and how long each part took."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.transcript import Transcript


def test_findings_come_in_the_order_in_which_they_were_made() -> None:
    transcript = Transcript()
    transcript.note("image, unpacked", "1074 MB")
    transcript.note("pods", 3)
    assert transcript.markdown() == "| what | value |\n|---|---|\n| image, unpacked | 1074 MB |\n| pods | 3 |"


def test_each_part_has_the_sum_of_its_steps() -> None:
    transcript = Transcript()
    transcript.note("pods", 3)
    for part, seconds in (("test_release.py", 60.2), ("test_access.py", 5), ("test_release.py", 30.1)):
        transcript.took(part, seconds)
    _, _, durations = transcript.markdown().partition("\n\n")
    assert durations == "| part | took |\n|---|---|\n| test_release.py | 90 s |\n| test_access.py | 5 s |"


def test_a_run_that_found_nothing_writes_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLIMSOLL_E2E_TRANSCRIPT", str(tmp_path / "e2e.md"))
    transcript = Transcript()
    transcript.took("test_release.py", 1)
    transcript.publish()
    assert not (tmp_path / "e2e.md").exists()
