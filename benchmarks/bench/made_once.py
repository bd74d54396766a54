"""What a bench makes once and keeps: it is made again when the files that it is made of have changed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

_NOTE = "sources.sha256"


def make_once(folder: Path, sources: Sequence[Path], make: Callable[[], object]) -> None:
    """Call `make`, which writes `folder`, unless it was written when `sources` had the content that they have now.

    The note about the sources lies beside the folder, since a bundle may hold nothing that its manifest does not name.
    """
    note = folder.with_name(f"{folder.name}.{_NOTE}")
    content = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    if folder.is_dir() and note.is_file() and note.read_text(encoding="utf-8") == content:
        return
    note.unlink(missing_ok=True)  # it would be true again of half a folder, were the sources changed back
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    make()
    note.write_text(content, encoding="utf-8")
