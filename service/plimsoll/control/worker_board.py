"""Shares the states of the versions between the workers of one server."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

from plimsoll.control.version_registry import VersionState, VersionStatus
from plimsoll.drafts import replace_file

_log = logging.getLogger(__name__)
_SLOWEST_FIRST = (
    VersionState.FAILED,
    VersionState.LOADING,
    VersionState.VERIFYING,
    VersionState.WARMING,
    VersionState.STUCK,
    VersionState.DRAINING,
    VersionState.READY,
)


class WorkerBoard:
    """Keeps one small file for each worker in a shared folder. It ignores the files of workers that have ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine = folder / f"{os.getpid()}.json"

    def publish(self, statuses: Iterable[VersionStatus]) -> None:
        """Share the load progress of this worker with the other workers."""
        states = {f"{each.name}/{each.version}": [each.state.value, each.reason] for each in statuses}
        try:
            replace_file(self._mine, json.dumps(states).encode())
        except OSError as error:  # the folder is full or read-only, which must not stop a load
            _log.warning("cannot share the load progress of this worker with the other workers: %s", error.strerror)

    def slowest(self, status: VersionStatus) -> tuple[VersionState, str | None]:
        """The state of that version in the worker whose load has progressed least, with its reason.

        A worker without a state for the version has not begun to load it.
        """
        seen = [(status.state, status.reason)]
        for states in self._others():
            state, reason = states.get(f"{status.name}/{status.version}", [VersionState.LOADING.value, None])
            seen.append((VersionState(state), reason))
        return min(seen, key=lambda each: _SLOWEST_FIRST.index(each[0]))

    def others_have(self, name: str) -> bool:
        """Whether another worker has a version of that model that is not draining."""
        return any(
            key.rpartition("/")[0] == name and state != VersionState.DRAINING.value
            for states in self._others()
            for key, (state, _) in states.items()
        )

    def _others(self) -> Iterator[dict[str, Any]]:
        """The states in each other worker that lives."""
        for file in self._folder.glob("*.json"):
            if file != self._mine and psutil.pid_exists(int(file.stem)):
                yield _read(file)


def _read(file: Path) -> dict[str, Any]:
    """The states that a worker has written; empty if its file was just removed, or was cut off by a full disk."""
    try:
        told: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return told
