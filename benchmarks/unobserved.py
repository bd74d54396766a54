"""`plimsoll` with nobody looking: no metric of requests and batches is counted. What they cost is the difference."""

from __future__ import annotations

from unittest import mock

from plimsoll import application
from plimsoll.cli import main
from plimsoll.inference.payloads import BatchReport
from plimsoll.inference.ports import Outcome
from plimsoll.telemetry.inference_observer import InferenceObserver, VersionObserver


class _BlindObserver(InferenceObserver):
    def request_started(self) -> None:
        pass

    def request_finished(self, outcome: Outcome) -> None:
        pass


class _BlindVersionObserver(VersionObserver):
    def queue_changed(self, waiting: int) -> None:
        pass

    def batch_finished(self, report: BatchReport) -> None:
        pass


if __name__ == "__main__":
    with mock.patch.multiple(application, InferenceObserver=_BlindObserver, VersionObserver=_BlindVersionObserver):
        main()
