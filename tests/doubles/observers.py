"""An observer that remembers."""

from __future__ import annotations

from service.inference.payloads import BatchReport
from service.inference.ports import Outcome


class RecordingObserver:
    """Implements the line's `Observer` port by keeping what it is told."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.outcomes: list[Outcome] = []
        self.batches: list[tuple[str, str, BatchReport]] = []

    def request_started(self) -> None:
        """One more in flight."""
        self.in_flight += 1

    def request_finished(self, outcome: Outcome) -> None:
        """One less in flight, and how it ended."""
        self.in_flight -= 1
        self.outcomes.append(outcome)

    def batch_finished(self, model: str, version: str, report: BatchReport) -> None:
        """A batch of that version."""
        self.batches.append((model, version, report))

    @property
    def last(self) -> tuple[str, str, int]:
        """Model, version and code of the last request."""
        outcome = self.outcomes[-1]
        return outcome.model, outcome.version, outcome.code
