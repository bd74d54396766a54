"""The port through which the driver and the judge's server see what a release did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from plimsoll.errors import OperatorError
from plimsoll.judge.counts import Interval


class HistoryUnavailable(OperatorError):
    """The counts of a release cannot be read now. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time at one weight. Times in seconds since 1970, the weight between 0 and 1, or `None` in mode `replicas`."""

    start_seconds: float
    end_seconds: float
    weight: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of a release in the last minutes, over both tracks.

    `requests_per_second` is the mean rate. `failed` is the share of requests that failed, and `slower` the share of the
    answered requests that took longer than each edge, in seconds; both of stable alone.
    """

    requests_per_second: float
    failed: float = 0.0
    slower: Mapping[float, float] = field(default_factory=dict)


class History(Protocol):
    """Reads the counts of one release."""

    def read(self, periods: Sequence[Period], interval_seconds: float) -> tuple[Interval, ...]:
        """The increases of both tracks in every interval of the periods, in the order of time.

        No interval crosses the border of two periods.

        Raises:
            HistoryUnavailable: Prometheus does not answer; its message says why and what to do.
        """
        ...

    def traffic(self, seconds: float) -> Traffic:
        """The requests of the last so many seconds.

        Raises:
            HistoryUnavailable: as above, or Prometheus knows no such release.
        """
        ...
