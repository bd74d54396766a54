"""Calls the factories of tasks, which are foreign code."""

from __future__ import annotations

import importlib
from collections.abc import Collection

from plimsoll.errors import BundleError
from plimsoll.own_task import OwnTask, Setup
from plimsoll.runtime.foreign_code import foreign_code


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
        if factory not in self._allowed:
            raise BundleError(
                "task",
                f"the bundle wants the task '{factory}', which would run code of that package; nothing of it was "
                "imported. Add it to PLIMSOLL_FACTORIES if you trust it; allowed now: "
                f"{', '.join(self._allowed) or 'none'}",
            )
        module, _, attribute = factory.partition(":")
        with foreign_code("task", f"the task '{factory}' cannot be imported"):
            make = getattr(importlib.import_module(module), attribute)
        with foreign_code("task", f"the factory of the task '{factory}' fails"):
            own = make(setup)
        if not isinstance(own, OwnTask):
            raise BundleError(
                "task",
                f"the factory of the task '{factory}' returns an object of the type {type(own).__name__}; a "
                "plimsoll.own_task.OwnTask is expected",
            )
        return own
