"""What panels show of series whose answer is known, where a glance at the query does not tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contracts.alerts.test_rules import promtool
from tests.contracts.dashboards.queries import board_queries, concrete

Samples = dict[str, float]

SPLIT = {
    'plimsoll_requests_total{model="m", version="1", service="s-stable", track="stable", code="200"}': "0+90x60",
    'plimsoll_requests_total{model="m", version="2", service="s-canary", track="canary", code="200"}': "0+10x60",
    'plimsoll_requests_total{model="n", version="1", service="s-stable", track="stable", code="200"}': "0+50x60",
    'plimsoll_requests_total{model="_unknown", version="_unknown", service="s-stable", track="stable"}': "0+70x60",
}
CLASSES = {
    f'plimsoll_predictions_total{{service="s-{track}", track="{track}", model="m", class="{name}"}}': added
    for track, name, added in [
        ("stable", "cat", "0+75x60"),
        ("stable", "dog", "0+25x60"),
        ("canary", "cat", "0+5x60"),
        ("canary", "dog", "0+15x60"),
    ]
}
EVIDENCE = {
    'plimsoll_canary_evidence{namespace="here", service="s-canary", check="latency"}': "3x60",
    'plimsoll_canary_evidence{namespace="here", service="t-canary", check="latency"}': "5x60",
}
POD = 'service="s", pod="a", instance="a:1"'
OTHER = 'service="s", pod="b", instance="b:1"'
FULL = {
    f"plimsoll_requests_in_flight{{{POD}}}": "120x60",
    f'plimsoll_queue_limit{{{POD}, model="m", version="1"}}': "128x60",  # gone, and still told
    f'plimsoll_queue_limit{{{POD}, model="m", version="2"}}': "128x60",
    f'plimsoll_queue_depth{{{POD}, model="m", version="2"}}': "2x60",
    f'plimsoll_model_info{{{POD}, model="m", version="1"}}': "0x60",
    f'plimsoll_model_info{{{POD}, model="m", version="2"}}': "1x60",
    f"plimsoll_requests_in_flight{{{OTHER}}}": "64x60",
    f'plimsoll_queue_limit{{{OTHER}, model="m", version="2"}}': "64x60",
    f'plimsoll_queue_limit{{{OTHER}, model="n", version="1"}}': "64x60",
    f'plimsoll_model_info{{{OTHER}, model="m", version="2"}}': "1x60",
    f'plimsoll_model_info{{{OTHER}, model="n", version="1"}}': "1x60",
}
LOADED = {
    f'plimsoll_model_load_seconds{{{POD}, model="m", version="2"}}': "2x60",
    f'plimsoll_model_warmup_seconds{{{POD}, model="m", version="2"}}': "5x60",
    f'plimsoll_model_load_seconds{{{OTHER}, model="m", version="2"}}': "4x60",
    f'plimsoll_model_warmup_seconds{{{OTHER}, model="m", version="2"}}': "1x60",
}
IN_USE = {'{pod="a", instance="a:1"}': 120 / 128, '{pod="b", instance="b:1"}': 0.5}
ONE, TWO, OTHERS = '{model="m", version="1"}', '{model="m", version="2"}', '{model="n", version="1"}'
STABLE, CANARY, OF_N = '{model="m", track="stable"}', '{model="m", track="canary"}', '{model="n", track="stable"}'
CANARY_CAT, CANARY_DOG = '{track="canary", class="cat"}', '{track="canary", class="dog"}'
OF_S = '{namespace="here", service="s-canary", check="latency"}'


@pytest.mark.parametrize(
    ("panel", "chosen", "series", "shown"),
    [
        ("Requests of each version", {}, SPLIT, {ONE: 0.9, TWO: 0.1, OTHERS: 1}),
        ("Requests of each version", {"model": "m", "version": "2"}, SPLIT, {TWO: 0.1}),
        ("Requests of each version", {"service": "s-canary"}, SPLIT, {TWO: 0.1}),
        ("Requests of each track", {}, SPLIT, {STABLE: 0.9, CANARY: 0.1, OF_N: 1}),
        ("Requests of each track", {"service": "s-canary", "version": "2"}, SPLIT, {CANARY: 0.1}),
        ("Classes that the canary answers more often", {}, CLASSES, {'{class="cat"}': -0.5, '{class="dog"}': 0.5}),
        ("Classes answered", {"service": "s-canary"}, CLASSES, {CANARY_CAT: 0.25, CANARY_DOG: 0.75}),
        ("Evidence against the canary", {"service": "s-canary"}, EVIDENCE, {OF_S: 3}),
        ("Queue in use", {}, FULL, IN_USE),
        ("Queue in use", {"model": "m", "version": "2"}, FULL, IN_USE),
        ("From bundle to ready", {}, LOADED, {TWO: 7}),
        ("Versions that are ready", {"service": "s", "model": "m"}, FULL, {TWO: 2}),
    ],
)
def test_a_panel_shows(
    panel: str, chosen: dict[str, str], series: dict[str, str], shown: Samples, tmp_path: Path
) -> None:
    expr = next(expr for _, title, expr in board_queries() if title == panel)
    for name, value in chosen.items():
        expr = expr.replace(f'"${name}"', f'"{value}"')
    document: dict[str, Any] = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "eval_time": "30m",
                        "expr": f"round({concrete(expr)}, 0.0001)",
                        "exp_samples": [{"labels": labels, "value": value} for labels, value in shown.items()],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    promtool("test", "rules", tmp_path / "test.yaml")
