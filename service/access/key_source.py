"""Follows the key file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from service.access.keys import KeyFileError, KeyRing, read_keys
from service.watched_file import moments

_log = logging.getLogger(__name__)


class KeySource:
    """Hands on the ring of a file whenever it has changed. A file that cannot be used leaves the old ring in force."""

    def __init__(self, file: Path, ring: KeyRing, use: Callable[[KeyRing], None]) -> None:
        self._file = file
        self._use = use
        self._ring = ring
        self._complaint = ""

    async def follow(self) -> None:
        """Never returns; cancel it."""
        async for _ in moments(self._file):
            self.look()

    def look(self) -> None:
        """Read the file once, and hand its ring on if that is a new one."""
        try:
            ring = read_keys(self._file)
        except KeyFileError as error:
            if error.message != self._complaint:
                _log.error("the keys are left as they were: %s", error.message)
            self._complaint = error.message
            return
        self._complaint = ""
        if ring != self._ring:
            _log.info("%d API keys are in force: %s", len(ring.entries), ", ".join(e.label for e in ring.entries))
            self._ring = ring
            self._use(ring)
