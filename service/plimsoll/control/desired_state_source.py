"""Reads the desired state and follows its changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path

from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import (
    NO_RULES,
    DesiredState,
    StateRules,
    desired_state_file,
    highest_of_each,
    parse_desired_state,
)
from plimsoll.errors import OperatorError
from plimsoll.watched_file import FollowedFile, LastGoodCopy, WatchedFile


class DesiredStateSource:
    """Follows a file, or reads the highest version of each model once if no file is configured.

    `report` receives the reason why the file cannot be used, or an empty text if it can. The workers of one server
    share a `copy` of the last good file: a worker that starts while the file is broken begins with the copy. Without a
    file, `remark` receives a sentence for each folder of bundles that is skipped.
    """

    def __init__(
        self,
        path: Path | None,
        shelf: Shelf,
        *,
        rules: StateRules = NO_RULES,
        report: Callable[[str], None] = lambda _: None,
        copy: LastGoodCopy | None = None,
        remark: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        self._file = None if path is None else desired_state_file(path)
        self._shelf = shelf
        self._rules = rules
        self._report = report
        self._copy = copy
        self._remark = remark

    async def states(self, on_error: Callable[[OperatorError], None]) -> AsyncGenerator[DesiredState, None]:
        """Yield the desired state, and then each change once; ends at once if no file is followed.

        `on_error` receives each reason why the file cannot be used, once; the previous state stays in force.
        """
        if self._file is None:
            self._remark(await asyncio.to_thread(self._shelf.remarks))
            yield await asyncio.to_thread(highest_of_each, self._shelf)
            return
        parse = partial(parse_desired_state, self._file, rules=self._rules)
        file = FollowedFile(WatchedFile(self._file, parse, self._copy), self._report)
        late = None
        async for change in file.changes():
            if late is not None:
                on_error(late)  # only now, because applying a state clears the previous error
                late = None
            if change.value is not None:
                yield change.value
                late = change.fault
            elif change.fault is not None:
                on_error(change.fault)
