"""Counts the metrics of all workers of one server in shared files."""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path

from plimsoll.errors import OperatorError

_log = logging.getLogger(__name__)
_KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemax")
_RESERVED_BYTES = 256 << 10


def count_as(folder: Path, place: int | None) -> None:
    """Make this process count into the files of its place; call it before any metric is made.

    A worker continues the counters of the worker that had its place before. So a scrape reads as many files as there
    are places, however many workers have ended. Without a place the process id replaces it. The files are written here
    once, because a page that the full disk cannot store would end the process later.

    Raises:
        OperatorError: the disk has no room for the files.
    """
    from prometheus_client import values  # noqa: PLC0415  # it reads its variable as it is imported

    name = _name(place, os.getpid())
    try:
        for kind in _KINDS:
            _make(folder / f"{kind}_{name}.db")
    except OSError as error:
        raise OperatorError(f"metrics of workers cannot be kept in {folder}: {error.strerror}") from None
    values.ValueClass = values.MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call]


def forget(folder: Path, place: int | None, process_id: int) -> None:
    """Remove the gauges of an ended worker from the sums; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415  # as above

    mark_process_dead(_name(place, process_id), str(folder))  # type: ignore[no-untyped-call]


def readable(file: str | Path) -> bool:
    """Whether prometheus-client can read the file, which begins with its length in use.

    A broken file may hold negative lengths, at which the client would read backwards for ever.
    """
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415  # as above

    try:
        with Path(file).open("rb") as opened:
            (used,) = struct.unpack("i", opened.read(4))
        last = 0
        for *_, at in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            if at <= last:
                return False
            last = at
    except (OSError, ValueError, RuntimeError, struct.error):
        return False
    return int(used) >= 0


def _make(file: Path) -> None:
    if file.exists() and not readable(file):
        _log.warning("metrics file %s is broken; its counters restart from 0", file.name)
        file.unlink()
    with file.open("ab") as opened:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(opened.fileno(), 0, _RESERVED_BYTES)


def _name(place: int | None, process_id: int) -> str:
    return f"process{process_id}" if place is None else str(place)
