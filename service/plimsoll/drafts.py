"""Writes a file or folder under the name of a draft first, and renames it: nobody ever sees half of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def replace_file(path: Path, document: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Put a file of that document in the place of `path`, which need not exist.

    With `durable` the document is on the disk before it has its name, which takes as long as the disk takes. The draft
    is a new file under a name that nobody can guess, so a link planted in a shared folder is not written through.

    Raises:
        OSError: the folder is missing, full or read-only; what was there is as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(document)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        draft.chmod(mode)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def make_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder of those files, which everybody may read. They are on the disk before it has its name.

    Raises:
        OSError: it exists, or a file cannot be written; nothing is left behind.
    """
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=path.parent))
    try:
        for name, content in files.items():
            with (draft / name).open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        draft.chmod(0o755)  # mkdtemp made it private; a server under another user must read it
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
