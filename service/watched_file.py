"""A file that somebody else writes: when to look at it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import watchfiles

_LOOK_AGAIN_MS = 5_000
"""Some file systems tell nobody of a change; so there is a moment this often as well."""
_GATHER_MS = 200
"""What changes within this time is one change."""


async def moments(file: Path) -> AsyncIterator[None]:
    """One moment now, and one whenever the file may have changed; never ends, also where its folder comes and goes."""
    yield None
    while True:
        try:
            # The folder, not the file: an editor replaces the file, Kubernetes the link that a mounted one hangs on.
            async for _ in watchfiles.awatch(
                file.parent, recursive=False, rust_timeout=_LOOK_AGAIN_MS, yield_on_timeout=True, debounce=_GATHER_MS
            ):
                yield None
        except OSError:  # the folder is not there
            await asyncio.sleep(_LOOK_AGAIN_MS / 1000)
            yield None
