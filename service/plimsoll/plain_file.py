"""Opens plain files and nothing else: a FIFO would block until somebody writes, and a device may do anything."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path


def open_plain_file(path: Path) -> FileIO:
    """Open a plain file to read, or a link to one, as Kubernetes mounts files by them.

    Raises:
        OSError: it is not there, cannot be read, or is no plain file, which is then not opened.
    """
    _require_plain(path.stat())
    # O_NONBLOCK keeps the call from waiting for a writer if the file has become a FIFO since the line above.
    stream = FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        _require_plain(os.fstat(stream.fileno()))
    except OSError:
        stream.close()
        raise
    return stream


def _require_plain(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file and was not opened")
