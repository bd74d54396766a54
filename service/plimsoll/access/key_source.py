"""Follows the key file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from plimsoll.access.keys import KeyRing, key_file, parse_keys
from plimsoll.errors import OperatorError
from plimsoll.watched_file import FollowedFile, LastGoodCopy, WatchedFile

_log = logging.getLogger(__name__)

WITHDRAW_AFTER_SECONDS = 30.0
"""A Secret may be missing for a moment while it is replaced. If the key file stays missing, no key is valid."""


class KeySource:
    """Keeps the key ring of the key file up to date.

    A file that cannot be used leaves the ring in force. A file that is missing for `WITHDRAW_AFTER_SECONDS` revokes
    every key. `report` gets the reason why the file cannot be used, or an empty text if it can.

    The workers of one server share a `copy` of the last good file. With a copy a worker starts even if the file is
    broken: it uses the copy, or no keys if there is none, because a worker that fails to start would end the others.
    """

    def __init__(
        self,
        path: Path,
        report: Callable[[str], None] = lambda _: None,
        copy: LastGoodCopy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        file = key_file(path)
        self._name = file.name
        self._copy = copy
        self._file = FollowedFile(WatchedFile(file, partial(parse_keys, file), copy, clock), report)
        self._ring = KeyRing()

    def first(self) -> KeyRing:
        """Return the first ring; call it once, before `follow`.

        Raises:
            KeyFileError: the file cannot be used, and no copy is shared.
        """
        change = self._file.look()
        if change.fault is not None and self._copy is None:
            raise change.fault
        self._ring = change.value or KeyRing()
        if change.fault is not None:
            self._complain(change.fault)
        self._tell()
        return self._ring

    async def follow(self, use: Callable[[KeyRing], None]) -> None:
        """Pass each new ring to `use`. Never returns; cancel it."""
        async for change in self._file.changes():
            if change.value is not None:
                self._take(change.value, use)
            if change.fault is not None:
                self._complain(change.fault)
            if self._file.missing_seconds > WITHDRAW_AFTER_SECONDS and self._ring.entries:
                _log.error(
                    "%s has been missing for %g s; all API keys are revoked until it is back",
                    self._name, WITHDRAW_AFTER_SECONDS,
                )  # fmt: skip
                if self._copy is not None:
                    self._copy.drop()
                self._take(KeyRing(), use)

    def _take(self, ring: KeyRing, use: Callable[[KeyRing], None]) -> None:
        self._ring = ring
        use(ring)
        self._tell()

    def _tell(self) -> None:
        if not self._ring.entries:
            _log.warning("no API key is in force; every request that needs a key is answered 401")
            return
        labels = ", ".join(entry.label for entry in self._ring.entries[:20])
        more = ", …" if len(self._ring.entries) > 20 else ""  # noqa: PLR2004  # as many as are listed
        _log.info("%d API keys are in force: %s%s", len(self._ring.entries), labels, more)

    def _complain(self, error: OperatorError) -> None:
        _log.error(
            "key file cannot be used; the API keys loaded before stay in force (%d): %s",
            len(self._ring.entries), error.message,
        )  # fmt: skip
