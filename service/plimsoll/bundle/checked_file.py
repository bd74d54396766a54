"""Reads plain files once from start to end, and hashes exactly the bytes that it returns."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, FileIO
from pathlib import Path

from plimsoll.plain_file import open_plain_file

_CHUNK_BYTES = 1 << 20
"""Small enough that the bytes are still in the processor's cache when they are hashed."""


class CheckedFile:
    """Returns the bytes of a stream in order and hashes them.

    `size` is the length at the start, in bytes. It reads no more than that, so it ends even if the file keeps growing.
    """

    def __init__(self, stream: FileIO | BufferedIOBase, size: int) -> None:
        self.size = size
        self._stream = stream
        self._left = size
        self._sha256 = hashlib.sha256()

    def readinto(self, target: memoryview) -> int:
        """Fill `target`, a writable view of bytes; returns how many there were, fewer than its length at the end."""
        done = 0
        while done < len(target) and self._left:
            part = target[done : done + min(_CHUNK_BYTES, self._left)]
            count = self._stream.readinto(part) or 0
            self._sha256.update(part[:count])
            self._left = self._left - count if count else 0  # a file that was cut short ends early
            done += count
        return done

    def read(self, most: int) -> bytes:
        """Read up to `most` bytes."""
        content = memoryview(bytearray(min(most, self._left)))
        return bytes(content[: self.readinto(content)])

    def sha256(self) -> str:
        """Return the digest of the whole stream in hexadecimal digits; reads the rest of it."""
        rest = memoryview(bytearray(min(_CHUNK_BYTES, self._left)))
        while self._left:
            self.readinto(rest)
        return self._sha256.hexdigest()


@contextmanager
def open_plain(path: Path) -> Iterator[CheckedFile]:
    """Open a plain file, or a link to one.

    Raises:
        OSError: as `open_plain_file`.
    """
    with open_plain_file(path) as stream:
        yield CheckedFile(stream, os.fstat(stream.fileno()).st_size)
