"""A release whose values somebody else commits, as with Argo CD or Flux."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.rollout.helm import Release, Revision
from plimsoll.rollout.release_values import Values


class CommittedRelease:
    """Asks for changes and makes none; another tool makes the revisions, as many as it likes."""

    exclusive = False

    def __init__(self, release: Release, ask: Callable[[Values], None]) -> None:
        self._release = release
        self._ask = ask
        self._asked: Values | None = None

    def history(self) -> tuple[Revision, ...]:
        """As `Release.history`."""
        return self._release.history()

    def values(self, revision: int) -> Values:
        """As `Release.values`."""
        return self._release.values(revision)

    def upgrade(self, changes: Values, *, insist: bool = False) -> None:
        """Ask for the changes, once; they come when they come."""
        del insist
        if changes != self._asked:
            self._asked = changes
            self._ask(changes)

    def forget(self, revision: int) -> None:
        """Do nothing: revisions belong to the other tool."""
        del revision
