"""Where the desired state comes from, and when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

from service.bundle.shelf import Shelf
from service.control.desired_state import DesiredState, highest_of_each, read_desired_state
from service.errors import DesiredStateError
from service.watched_file import moments


class DesiredStateSource:
    """A watched file, or the shelf's highest versions where there is none."""

    def __init__(self, file: Path | None, shelf: Shelf, *, weights_allowed: bool) -> None:
        self._file = file
        self._shelf = shelf
        self._weights_allowed = weights_allowed

    def read(self) -> DesiredState:
        """What is desired now.

        Raises:
            DesiredStateError: the file cannot be read or says what cannot be.
        """
        if self._file is None:
            return highest_of_each(self._shelf)
        return read_desired_state(self._file, weights_allowed=self._weights_allowed)

    async def states(self, on_error: Callable[[DesiredStateError], None]) -> AsyncGenerator[DesiredState, None]:
        """What is desired, then whatever it becomes, each only once; ends at once where no file is watched.

        `on_error` hears of a state that cannot be read, once for each message; the one before holds.
        """
        last: DesiredState | str | None = None
        async for _ in self._moments():
            try:
                state = await asyncio.to_thread(self.read)
            except DesiredStateError as error:
                if error.message != last:
                    on_error(error)
                last = error.message
            else:
                if state != last:
                    yield state
                last = state

    async def _moments(self) -> AsyncIterator[None]:
        if self._file is None:
            yield None
            return
        async for _ in moments(self._file):
            yield None
