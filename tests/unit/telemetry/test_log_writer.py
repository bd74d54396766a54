"""The log writer over real pipes."""

from __future__ import annotations

import logging
import os
import threading

import pytest
from plimsoll.telemetry.log_writer import LogWriter, QueuedStream

LINE = "x" * 1000
ENOUGH_LINES = 6000
"""More than a pipe and the queue hold together."""


@pytest.fixture
def pipe() -> tuple[int, int]:
    """The two ends of a pipe; they stay open, for a writer may wait on them as long as this process lives."""
    return os.pipe()


def writer_on(descriptor: int) -> LogWriter:
    writer = LogWriter(descriptor)
    writer.setFormatter(logging.Formatter("%(message)s"))
    return writer


def log(writer: LogWriter, message: str) -> None:
    writer.handle(logging.makeLogRecord({"msg": message, "levelno": logging.INFO}))


def test_lines_are_written_in_their_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = writer_on(writing)
    for number in range(500):
        log(writer, str(number))
    writer.flush()
    assert os.read(reading, 1 << 16).split() == [str(number).encode() for number in range(500)]


def test_a_log_that_nobody_reads_blocks_nobody_and_says_later_what_was_dropped(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = writer_on(writing)
    dropped: list[int] = []
    for _ in range(ENOUGH_LINES // 2):
        log(writer, LINE)
    writer.count_dropped(dropped.append)
    for _ in range(ENOUGH_LINES // 2):
        log(writer, LINE)
    assert sum(dropped) > 0
    received = b""
    while received.count(LINE.encode()) + sum(dropped) < ENOUGH_LINES or b"dropped" not in received:
        received += os.read(reading, 1 << 16)
    told = f"dropped {sum(dropped)} log lines because nobody read the log"
    assert told in received.decode()
    log(writer, "flowing again")
    writer.flush()
    assert os.read(reading, 1 << 16) == b"flowing again\n"


def test_what_was_dropped_before_anybody_counts_is_counted_too(pipe: tuple[int, int]) -> None:
    writer = writer_on(pipe[1])
    for _ in range(ENOUGH_LINES):
        log(writer, LINE)
    dropped: list[int] = []
    writer.count_dropped(dropped.append)
    assert len(dropped) == 1
    assert 0 < dropped[0] < ENOUGH_LINES


@pytest.mark.parametrize("broken", ["closed", "reader gone"])
def test_a_descriptor_that_takes_nothing_loses_lines_and_nothing_else(pipe: tuple[int, int], broken: str) -> None:
    reading, writing = pipe
    os.close(reading)
    writer = writer_on(1 << 20 if broken == "closed" else writing)  # a number that no descriptor has
    dropped: list[int] = []
    writer.count_dropped(dropped.append)
    for number in range(10):
        log(writer, str(number))
    writer.flush()
    assert sum(dropped) == 10


def test_a_descriptor_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    writer = writer_on(writing)
    for _ in range(500):
        log(writer, LINE)
    received = b""
    while received.count(b"\n") < 500:
        received += os.read(reading, 1 << 16)
    assert received == (LINE.encode() + b"\n") * 500


def test_a_line_that_cannot_be_formatted_breaks_nothing(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    reading, writing = pipe
    writer = writer_on(writing)
    writer.handle(logging.makeLogRecord({"msg": "%d rows", "args": ("many",)}))
    log(writer, "after it")
    writer.flush()
    assert os.read(reading, 1 << 16) == b"after it\n"


def test_threads_that_log_at_once_lose_no_line(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = writer_on(writing)
    stream = QueuedStream(writer)
    threads = [threading.Thread(target=lambda: [stream.write("line\n") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    writer.flush()
    assert os.read(reading, 1 << 16) == b"line\n" * 800
