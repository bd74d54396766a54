"""Follows a file that another program writes, without blocking the event loop.

It checks the file twice a second instead of using inotify: inotify instances can be used up (128 for a user by default,
shared by everything on the node), some file systems report nothing, and the loss of a watch is easy to miss, while a
revoked key must stop working in every case.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from plimsoll.drafts import replace_file
from plimsoll.errors import OperatorError
from plimsoll.yaml_file import YamlFile

_log = logging.getLogger(__name__)
T = TypeVar("T")

LOOK_EVERY_SECONDS = 0.5
_SETTLED_SECONDS = 2.0
"""Two writes within one tick of the file system's clock have the same modification time, so a younger file is read
again.
"""


class LastGoodCopy:
    """The last good content of a file, in a folder that the workers of one server share.

    A worker that starts while the file is broken uses the copy, so that it answers as the other workers do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, document: bytes) -> None:
        """Replace the copy. If the folder is full or read-only, only the copy is lost."""
        try:
            replace_file(self._path, document)
        except OSError as error:
            _log.warning("cannot save a copy of %s for workers that start later: %s", self._path.stem, error.strerror)

    def read(self) -> bytes | None:
        """Return the copy; `None` if there is none."""
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def drop(self) -> None:
        """Delete the copy."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


class WatchedFile(Generic[T]):
    """Reads a file when it has changed, and parses it when its bytes have.

    `parse` returns the meaning of the bytes or raises the file's error. `copy` gets each text that could be parsed.
    """

    def __init__(
        self,
        file: YamlFile,
        parse: Callable[[bytes], T],
        copy: LastGoodCopy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._parse = parse
        self._copy = copy
        self._clock = clock
        self._stamp: tuple[int, ...] | None = None
        self._digest: bytes | None = None
        self._found: T | OperatorError | None = None
        self._missing_since: float | None = None

    @property
    def missing_seconds(self) -> float:
        """Seconds for which the file has been missing; 0 if it exists."""
        return 0.0 if self._missing_since is None else self._clock() - self._missing_since

    def look(self) -> T | OperatorError | None:
        """Return the content of the file, or why it cannot be used; `None` if nothing changed since the last look."""
        stamp = self._stamp_of_file()
        if stamp is not None and stamp == self._stamp:
            return None
        try:
            document = self._file.read()
        except OperatorError as error:
            self._stamp = self._digest = None
            return self._unless_known(error)
        settled = stamp is not None and time.time() - stamp[-1] / 1e9 > _SETTLED_SECONDS
        self._stamp = stamp if settled else None
        digest = hashlib.sha256(document).digest()
        if digest == self._digest:
            return None
        self._digest = digest
        try:
            found = self._parse(document)
        except OperatorError as error:
            return self._unless_known(error)
        if self._copy is not None:
            self._copy.keep(document)
        return self._unless_known(found)

    def last_good(self) -> T | None:
        """Return the content of the shared copy; `None` if there is none."""
        document = None if self._copy is None else self._copy.read()
        try:
            return None if document is None else self._parse(document)
        except OperatorError:
            return None

    def _unless_known(self, found: T | OperatorError) -> T | OperatorError | None:
        before, self._found = self._found, found
        if isinstance(found, OperatorError):
            known = isinstance(before, OperatorError) and before.message == found.message
        else:
            known = not isinstance(before, OperatorError) and before == found
        return None if known else found

    def _stamp_of_file(self) -> tuple[int, ...] | None:
        """Return values that change with the file, its modification time last. Follows links."""
        try:
            status = self._file.path.stat()
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                self._missing_since = self._clock() if self._missing_since is None else self._missing_since
            return None
        self._missing_since = None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Change(NamedTuple, Generic[T]):
    """News of a file: a `value` to use from now on, or the `fault` because of which what is in use stays.

    Both where the file cannot be used at the first look and the shared copy can: then `value` is the copy's. Neither
    where nothing is new.
    """

    value: T | None = None
    fault: OperatorError | None = None


class FollowedFile(Generic[T]):
    """Follows a file: yields each new value and each new fault once, and calls `report` with the state of the file.

    `report` is given the reason why the file cannot be used, or an empty text where it can.
    """

    def __init__(self, watched: WatchedFile[T], report: Callable[[str], None]) -> None:
        self._watched = watched
        self._report = report
        self._at_start = True

    @property
    def missing_seconds(self) -> float:
        """Seconds for which the file has been missing; 0 if it exists."""
        return self._watched.missing_seconds

    async def changes(self) -> AsyncGenerator[Change[T], None]:
        """Yield the result of a look now and every `LOOK_EVERY_SECONDS`, each in a thread; never ends."""
        while True:
            yield self._reported(await asyncio.to_thread(self._look))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def look(self) -> Change[T]:
        """The result of one look now; it blocks, so it is for the start of a process."""
        return self._reported(self._look())

    def _look(self) -> Change[T]:
        found = self._watched.look()
        if found is None:
            return Change()
        at_start, self._at_start = self._at_start, False
        if isinstance(found, OperatorError):
            return Change(self._watched.last_good() if at_start else None, found)
        return Change(found)

    def _reported(self, change: Change[T]) -> Change[T]:
        if change != Change():
            self._report("" if change.fault is None else change.fault.message)
        return change


@dataclass(frozen=True, slots=True)
class FileState:
    """One followed file: `reason` says why it cannot be used, and is empty where it can."""

    file: str
    reason: str = ""


class FileStates:
    """Keeps the state of the followed files; calls `on_change` with each file and whether it is broken."""

    def __init__(self, on_change: Callable[[str, bool], None] = lambda _file, _broken: None) -> None:
        self._on_change = on_change
        self._reasons: dict[str, str] = {}

    def report(self, file: str, reason: str = "") -> None:
        """Record that the file can be used, or the reason why it cannot."""
        self._reasons[file] = reason
        self._on_change(file, bool(reason))

    def states(self) -> list[FileState]:
        """Return the state of every followed file."""
        return [FileState(file, reason) for file, reason in self._reasons.items()]
