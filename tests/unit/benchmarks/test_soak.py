"""The parts of the soak that decide what holds: quantiles, trends, known rows, claims, transcript."""

from __future__ import annotations

import json
import math
from random import Random

import numpy as np
import pytest

from benchmarks.churn_requests import Plan, Planner
from benchmarks.client import Answer, request_bytes
from benchmarks.findings import Findings
from benchmarks.known_rows import KnownRows, distinct_rows
from benchmarks.measures import memory_trend, quantile
from benchmarks.report import Occasion, markdown

TEXTS = ["[0.1, 0.2]", "[0.3, 0.4]", "[0.5, 0.6]"]
KNOWN = KnownRows(
    ("[0.1]", "[0.2]"),
    {"1": np.array([[0.9, 0.1], [0.2, 0.8]]), "2": np.array([[0.7, 0.3], [0.4, 0.6]])},
)


def answer(version: str, *rows: list[float]) -> Answer:
    body = {"version": version, "predictions": [{"class": 0, "probabilities": row} for row in rows]}
    return Answer(200, {"x-plimsoll-version": version}, json.dumps(body).encode())


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1, 100), (0, 1)])
def test_a_quantile_is_a_value_that_was_seen(share: float, value: float) -> None:
    assert quantile(list(range(100, 0, -1)), share) == value


def test_a_quantile_of_nothing_is_no_number_and_so_within_no_bound() -> None:
    findings = Findings("none", "")
    findings.at_most("p99", quantile([], 0.99), 10, "ms")
    assert math.isnan(quantile([], 0.5))
    assert not findings.hold


def test_memory_that_grows_only_at_first_is_flat() -> None:
    trend = memory_trend([(at, 300.0 if at >= 20 else at * 15.0) for at in range(101)], 0.2)
    assert (trend.growth, trend.slope, trend.peak) == (0, 0, 300)


def test_memory_that_leaks_shows_in_growth_and_slope() -> None:
    trend = memory_trend([(at, 100.0 + at) for at in range(101)], 0.2)
    assert trend.slope == pytest.approx(1)
    assert trend.growth == pytest.approx(70 / 125)  # the medians of 20 to 30 and of 90 to 100


def test_rows_whose_answers_could_be_taken_for_others_are_left_out() -> None:
    first = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    second = np.array([[0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.5, 0.5]])
    assert distinct_rows([first, second], 1e-3) == [0, 2]


def test_an_answer_is_right_if_it_is_what_the_version_that_it_names_gives() -> None:
    assert KNOWN.agrees(answer("1", [0.90005, 0.1]), [0], None)
    assert KNOWN.agrees(answer("2", [0.4, 0.6], [0.7, 0.3]), [1, 0], "2")


@pytest.mark.parametrize(
    ("given", "pinned"),
    [
        (answer("1", [0.7, 0.3]), None),
        (answer("1", [0.2, 0.8]), None),
        (answer("1", [0.9002, 0.1]), None),
        (answer("1", [0.9, 0.1], [0.2, 0.8]), None),
        (answer("3", [0.9, 0.1]), None),
        (answer("1", [0.9, 0.1]), "2"),
        (answer("1", [0.9, 0.1])._replace(headers={"x-plimsoll-version": "2"}), None),
    ],
    ids=[
        "other version",
        "other row",
        "inexact",
        "too many rows",
        "no such version",
        "not the pinned",
        "header differs",
    ],
)
def test_any_other_answer_is_wrong(given: Answer, pinned: str | None) -> None:
    assert not KNOWN.agrees(given, [0], pinned)


def plans() -> list[Plan]:
    planner = Planner("digits", ["1", "2"], TEXTS, Random(1))  # noqa: S311  # to be repeatable, not secret
    return [planner.next(keep=True) for _ in range(500)]


def test_plans_repeat_with_the_chance_and_expect_success_only_of_good_requests() -> None:
    drawn = plans()
    assert plans() == drawn
    assert {plan.kind for plan in drawn} == {
        "known rows", "leaves half-way", "leaves once sent", "tiny timeout", "bad request",
    }  # fmt: skip
    assert all((200 in plan.allowed) == bool(plan.rows) for plan in drawn)
    assert all((504 in plan.allowed) == (plan.kind == "tiny timeout") for plan in drawn)


def test_a_request_says_how_long_its_body_is_and_whether_the_connection_stays() -> None:
    head, _, body = request_bytes("POST", "/v1/predict", b"{}", {"X-A": "b"}, keep=False).partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.split(b"\r\n") == [
        b"POST /v1/predict HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", b"Content-Length: 2",
        b"Connection: close", b"X-A: b",
    ]  # fmt: skip


def test_findings_hold_if_every_claim_does() -> None:
    findings = Findings("overload", "some setting")
    findings.none("wrong answers", 0, 10)
    findings.at_most("p99", 9.96, 10, "ms")
    findings.at_least("reloads", 2, 2)
    assert findings.hold


def test_findings_do_not_hold_if_one_claim_fails_or_nothing_is_claimed() -> None:
    findings = Findings("overload", "some setting")
    assert not findings.hold
    findings.none("wrong answers", 0, 10)
    findings.none("errors", 1, 10)
    assert not findings.hold


def test_a_transcript_tells_what_fails_and_where_it_was_measured() -> None:
    findings = Findings("overload", "some setting")
    findings.none("errors", 1, 10, "a | b\nc")
    findings.note("slope", "+0.1 MiB")
    findings.took(300.4)
    findings.took(12, "A")
    text = markdown(
        "Soak", Occasion("abc1234", "2026-01-01", "2 cores", "0.1"), "python -m benchmarks.soak", [findings]
    )
    assert "| commit | abc1234 |" in text
    assert "NOT every line holds" in text
    assert "| errors | 0 | 1 of 10: a \\| b c | **FAILS** |" in text
    assert "| slope | +0.1 MiB |" in text
    assert "| duration | 300 s |" in text
    assert "| A: duration | 12 s |" in text
