"""Writes the log on its own thread."""

from __future__ import annotations

import io
import logging
import os
import queue
import select
import threading
import time
from collections.abc import Callable

_CAPACITY_BYTES = 4 << 20
_WRITE_BYTES = 1 << 16
_LAST_LINES_SECONDS = 1.0
_GATHER_SECONDS = 0.005
"""The time that the first line waits for others, because one write and one thread switch for all of them cost less."""


class LogWriter(logging.Handler):
    """Queues log lines and writes them to a file descriptor on its own thread.

    So a log without a reader stops no request: at most 4 MiB wait, further lines are dropped and counted, and a line
    reports their number when the log is read again. A closed or broken descriptor loses lines and nothing else. The
    thread does not survive a fork; a child process needs its own writer.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        self._counting = threading.RLock()  # re-entrant: a finalizer that runs meanwhile may log as well
        self._queued_bytes = 0
        self._taken_bytes = 0  # changed by the thread alone
        self._dropped = 0
        self._reported = 0
        self._count_dropped: Callable[[int], None] = lambda _: None
        self._thread = threading.Thread(target=self._write_all, name="log-writer", daemon=True)
        self._thread.start()

    def count_dropped(self, count: Callable[[int], None]) -> None:
        """Call `count` with the number of lines dropped so far, and with each later number."""
        with self._counting:
            self._count_dropped = count
            if self._dropped:
                count(self._dropped)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line, or drop it if too much waits; never blocks."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # whatever is logged badly must not break what logs it
            self.handleError(record)
            return
        self.put(line.encode(errors="backslashreplace") + b"\n")

    def put(self, text: bytes) -> None:
        """Queue text unchanged."""
        with self._counting:
            if self._queued_bytes - self._taken_bytes + len(text) > _CAPACITY_BYTES:
                self._drop(1)
                return
            self._queued_bytes += len(text)
            self._waiting.put(text)

    def flush(self) -> None:
        """Wait at most a second until the queue is written."""
        if self._thread.is_alive():
            written = threading.Event()
            self._waiting.put(written)
            written.wait(_LAST_LINES_SECONDS)

    def _drop(self, lines: int) -> None:
        with self._counting:
            self._dropped += lines
            self._count_dropped(lines)

    def _write_all(self) -> None:
        while True:
            texts, written = self._take()
            if texts:
                self._write(b"".join(texts), len(texts))
            self._report_dropped()
            if written is not None:
                written.set()

    def _take(self) -> tuple[list[bytes], threading.Event | None]:
        """Wait for a line and the lines of the next few milliseconds; an event ends the wait and is set later."""
        texts: list[bytes] = []
        taken = 0
        waiting: bytes | threading.Event | None = self._waiting.get()
        if isinstance(waiting, bytes):
            time.sleep(_GATHER_SECONDS)
        while isinstance(waiting, bytes):
            texts.append(waiting)
            taken += len(waiting)
            waiting = self._next() if taken < _WRITE_BYTES else None
        self._taken_bytes += taken
        return texts, waiting

    def _next(self) -> bytes | threading.Event | None:
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return None

    def _write(self, text: bytes, lines: int) -> None:
        rest = memoryview(text)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody else has set the descriptor to non-blocking
                select.select([], [self._descriptor], [])
            except OSError:
                self._drop(lines)
                self._reported += lines  # there is no log to report it in
                return

    def _report_dropped(self) -> None:
        if lost := self._dropped - self._reported:
            self._reported += lost
            message = "dropped %d log lines because nobody read the log"
            record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, (lost,), None)
            self._write(self.format(record).encode() + b"\n", 1)


class QueuedStream(io.TextIOBase):
    """A text stream that writes to the log, so that a log without a reader never stops a model that prints."""

    encoding = "utf-8"

    def __init__(self, log: LogWriter) -> None:
        self._log = log

    def writable(self) -> bool:
        """Report that text can be written."""
        return True

    def write(self, text: str, /) -> int:
        """Queue the text; never blocks."""
        self._log.put(text.encode(errors="backslashreplace"))
        return len(text)
