"""Reads the desired state, and follows its changes."""

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
    """A file that is followed, or the shelf's highest versions where there is none.

    `report` is given the reason why the file cannot be used, or an empty text where it can. The workers of one server
    share a `copy` of the last good file: a worker that starts while the file is broken begins with the copy. `remark`
    hears what lies on the shelf and is passed over, where there is no file.
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

        `on_error` is given each reason why the file cannot be used, once; the state of before holds.
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
                on_error(late)  # a look later, because a state that is taken ends the error of before
                late = None
            if change.value is not None:
                yield change.value
                late = change.fault
            elif change.fault is not None:
                on_error(change.fault)
