"""A file that several processes may replace, one at a time and atomically."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.drafts import replace_file
from plimsoll.errors import DesiredStateNotWritable

HELM = "on a cluster change it by `helm upgrade --set model.version=...`"
_LOCK_SECONDS = 0.8
"""The longest wait for the lock; it lets the client get an answer within a second."""
_LOCK_AGAIN_SECONDS = 0.02


class ExclusiveFile:
    """Replaces a file under a lock file in the same folder. Blocks for up to a second; call it in a thread."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._lock = path.with_name(f".{path.name}.lock")
        self._name = name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; it excludes other processes and other threads of this process.

        Raises:
            DesiredStateNotWritable: the file is a link, or the lock is a link, not a plain file, or held for too long.
            OSError: the lock file cannot be created.
        """
        if self._path.is_symlink():
            raise DesiredStateNotWritable(
                f"{self._name} is a symbolic link, as Kubernetes mounts a file, and is not written through one; {HELM}"
            )
        handle = self._open_lock()
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not _lock_now(handle):
                if time.monotonic() > deadline:
                    raise DesiredStateNotWritable(
                        f"another process has held the lock of {self._name} for {_LOCK_SECONDS:g} s; try again"
                    )
                time.sleep(_LOCK_AGAIN_SECONDS)
            yield
        finally:
            os.close(handle)

    def replace(self, document: bytes) -> None:
        """Replace the content of the file by the document, and keep the file's mode.

        Raises:
            OSError: the folder is full or read-only; the file has not changed.
        """
        replace_file(self._path, document, mode=stat.S_IMODE(self._path.stat().st_mode), durable=True)

    def _open_lock(self) -> int:
        # O_NOFOLLOW, because a link that somebody puts into a shared folder would make this process create or open
        # another file. O_NONBLOCK, because opening a named pipe would block for ever.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(self._lock, flags, 0o600)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise DesiredStateNotWritable(f"the lock file of {self._name} is a symbolic link; remove it") from None
            raise
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise DesiredStateNotWritable(f"the lock file of {self._name} is not a plain file; remove it")
        return handle


def _lock_now(handle: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
