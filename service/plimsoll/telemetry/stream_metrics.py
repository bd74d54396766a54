"""The metrics of streamed answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plimsoll.telemetry.metric_catalog import MetricMaker


class StreamMetrics:
    """Metrics of the pieces of streamed answers; `edges` are those of the durations, in seconds."""

    def __init__(self, make: MetricMaker, edges: Iterable[float]) -> None:
        labels, edges = ("model", "version"), tuple(edges)
        self.first_piece = make.histogram(
            "plimsoll_stream_first_piece_seconds",
            "Time from the arrival of a streamed request to its first piece. A streamed answer is not in "
            "plimsoll_request_duration_seconds.",
            *labels, edges=edges,
        )  # fmt: skip
        self.between_pieces = make.histogram(
            "plimsoll_stream_piece_interval_seconds",
            "Time for which a stream waited for its next piece; the time that the client takes to read does not count.",
            *labels, edges=edges,
        )  # fmt: skip
        self.pieces = make.counter(
            "plimsoll_stream_pieces", "Pieces of streamed answers by result: prediction, or error of a row.",
            *labels, "result",
        )  # fmt: skip
