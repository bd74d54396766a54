"""Calls the factories of tasks, which are foreign code."""

from __future__ import annotations

from collections.abc import Collection

from plimsoll.errors import BundleError
from plimsoll.own_task import OwnTask, Setup
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.places import check_allowed, imported


class TaskFactories:
    """Makes tasks by factories `package.module:callable`; imports only the packages of those in `allowed`."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed

    def __call__(self, factory: str, setup: Setup) -> OwnTask:
        """Call a factory with the setup of a version.

        Raises:
            BundleError: with check `task` when it is not allowed, cannot be imported, raises, or returns something else
                than an `OwnTask`.
        """
        check_allowed("task", "task", factory, self._allowed)
        with foreign_code("task", f"the task '{factory}' cannot be imported"):
            make = imported(factory)
        with foreign_code("task", f"the factory of the task '{factory}' fails"):
            own = make(setup)
        if not isinstance(own, OwnTask):
            raise BundleError(
                "task",
                f"the factory of the task '{factory}' returns an object of the type {type(own).__name__}; a "
                "plimsoll.own_task.OwnTask is expected",
            )
        return own
