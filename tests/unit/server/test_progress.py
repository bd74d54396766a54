"""Tests which clients send or read less than 1 KiB in the time allowed."""

from __future__ import annotations

import pytest
from plimsoll.server.progress import Progress


@pytest.mark.parametrize(
    ("parts", "too_slow"),
    [([], True), ([1023], True), ([512, 511], True), ([512, 512], False), ([5000], False)],
)
def test_a_body_brings_a_kibibyte_in_time(parts: list[int], *, too_slow: bool) -> None:
    progress = Progress(now=100)
    progress.start(now=100)
    for count in parts:
        progress.brought(count)
    assert not progress.brings_nothing(now=110, seconds=10)
    assert progress.brings_nothing(now=110.1, seconds=10) == too_slow


def test_what_was_brought_before_does_not_count_in_the_next_span() -> None:
    progress = Progress(now=0)
    progress.brought(1 << 20)
    assert not progress.brings_nothing(now=9, seconds=10)
    assert not progress.brings_nothing(now=19, seconds=10)
    assert progress.brings_nothing(now=19.1, seconds=10)


def test_who_has_nothing_to_read_is_not_slow() -> None:
    progress = Progress(now=0)
    assert not progress.reads_nothing(now=1000, written_bytes=5000, unread_bytes=0, seconds=30)


def test_who_reads_a_kibibyte_has_the_time_again() -> None:
    progress = Progress(now=0)
    assert not progress.reads_nothing(now=30, written_bytes=5000, unread_bytes=5000, seconds=30)
    assert not progress.reads_nothing(now=31, written_bytes=5000, unread_bytes=3976, seconds=30)
    assert not progress.reads_nothing(now=60, written_bytes=5000, unread_bytes=3000, seconds=30)
    assert progress.reads_nothing(now=61.1, written_bytes=5000, unread_bytes=3000, seconds=30)
