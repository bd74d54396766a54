"""The metrics of streams: their names, labels and edges."""

from __future__ import annotations

from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry, generate_latest


def test_streams_have_edges_like_durations_and_labels_that_are_bounded() -> None:
    catalog = MetricCatalog(CollectorRegistry(), 0.1)
    of_streams = {each.name: each for each in catalog.descriptions if each.name.startswith("plimsoll_stream_")}
    assert {name: each.labels for name, each in of_streams.items()} == {
        "plimsoll_stream_first_piece_seconds": ("model", "version"),
        "plimsoll_stream_piece_interval_seconds": ("model", "version"),
        "plimsoll_stream_pieces_total": ("model", "version", "result"),
    }
    catalog.streams.first_piece.labels("tiny", "1").observe(0.003)
    text = generate_latest(catalog.registry).decode()
    assert 'plimsoll_stream_first_piece_seconds_bucket{le="0.005",model="tiny",version="1"} 1.0' in text
    assert 'plimsoll_stream_first_piece_seconds_bucket{le="0.002",model="tiny",version="1"} 0.0' in text
