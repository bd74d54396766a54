"""The files through which the workers of one server count together."""

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
    """Have this process count into the files of its place; call before any metric is made.

    Who takes a place goes on with the counters of the worker that had it before, so that a scrape reads as many files
    as there are places, however many workers have ended. Without a place the process id stands for one. The files are
    written to once here, because a page of a file that the disk has no room for would end the process later.

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
    """Take the gauges of a worker that has ended out of the sums; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415  # as above

    mark_process_dead(_name(place, process_id), str(folder))  # type: ignore[no-untyped-call]


def readable(file: str | Path) -> bool:
    """Whether the file holds what prometheus-client writes."""
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415  # as above

    try:
        for _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            pass
    except (OSError, ValueError, RuntimeError, struct.error):
        return False
    return True


def _make(file: Path) -> None:
    if file.exists() and not readable(file):
        _log.warning("metrics file %s is broken; its counters restart from 0", file.name)
        file.unlink()
    with file.open("ab") as opened:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(opened.fileno(), 0, _RESERVED_BYTES)


def _name(place: int | None, process_id: int) -> str:
    return f"process{process_id}" if place is None else str(place)
