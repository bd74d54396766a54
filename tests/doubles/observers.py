"""An observer that remembers."""

from __future__ import annotations

from plimsoll.inference.payloads import BatchReport, PieceReport
from plimsoll.inference.ports import Outcome


class RecordingLaneObserver:
    """Implements the line's `LaneObserver` port by keeping what it is told; `context` is given to each request."""

    def __init__(self, context: object = None) -> None:
        self.given_context = context
        self.waiting: list[int] = []
        self.reports: list[BatchReport] = []
        self.lowered: list[tuple[int, int, float]] = []

    def context(self) -> object:
        """Always the same."""
        return self.given_context

    def queue_changed(self, waiting: int) -> None:
        """So many wait."""
        self.waiting.append(waiting)

    def batch_finished(self, report: BatchReport) -> None:
        """A batch of the lane."""
        self.reports.append(report)

    def inline_rows_lowered(self, inline_rows: int, rows: int, seconds: float) -> None:
        """Fewer rows may run on the event loop."""
        self.lowered.append((inline_rows, rows, seconds))


class RecordingObserver:
    """Implements the line's `Observer` port by keeping what it is told."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.outcomes: list[Outcome] = []
        self.lookups: list[tuple[str, str, bool]] = []
        self.pieces: list[PieceReport] = []

    def request_started(self) -> None:
        """One more in flight."""
        self.in_flight += 1

    def request_finished(self, outcome: Outcome) -> None:
        """One less in flight, and how it ended."""
        self.in_flight -= 1
        self.outcomes.append(outcome)

    def cache_looked_up(self, model: str, version: str, *, found: bool) -> None:
        """A look into the cache."""
        self.lookups.append((model, version, found))

    def piece_streamed(self, piece: PieceReport) -> None:
        """A piece of a streamed answer."""
        self.pieces.append(piece)

    @property
    def last(self) -> tuple[str, str, int]:
        """Model, version and code of the last request."""
        outcome = self.outcomes[-1]
        return outcome.model, outcome.version, outcome.status
