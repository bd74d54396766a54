from __future__ import annotations

import math

import pytest
from plimsoll.judge.verdict import Check, Verdict
from plimsoll.rollout.judge_metrics import KEPT_SECONDS, MOST_RELEASES, VerdictMetrics
from plimsoll.rollout.judge_verdicts import Answer, Question
from plimsoll.rollout.prometheus_release import ReleaseSeries
from prometheus_client import generate_latest

CHECKS = (Check("latency", 3.0, 80.0, "0.1", 0.5, 0.1), Check("split", 1.5, math.nan, "", 0.1, 0.1))
FAILED = Answer("slower", Verdict("fail", "slower", 25.0, 20.0, CHECKS, 10, 90, 0.1, 1.0, None))


def question(release: str) -> Question:
    return Question(ReleaseSeries(release, "prod"))


def lines(metrics: VerdictMetrics) -> list[str]:
    return [line for line in generate_latest(metrics.registry).decode().splitlines() if not line.startswith("#")]


def test_the_newest_verdict_is_shown_with_its_evidence() -> None:
    metrics = VerdictMetrics()
    metrics.heard(question("shop"), Answer("too early"))
    metrics.heard(question("shop"), FAILED)
    of = 'cluster="",namespace="prod",release="shop"'
    assert lines(metrics) == [
        f'plimsoll_canary_evidence{{check="all",{of}}} 25.0',
        f'plimsoll_canary_evidence{{check="latency",{of}}} 3.0',
        f'plimsoll_canary_threshold{{check="all",{of}}} 20.0',
        f'plimsoll_canary_threshold{{check="latency",{of}}} 80.0',
        f'plimsoll_canary_verdict{{{of},result="fail"}} 1.0',
        f'plimsoll_canary_verdict{{{of},result="pass"}} 0.0',
        f'plimsoll_canary_verdict{{{of},result="continue"}} 0.0',
        f'plimsoll_canary_verdict{{{of},result="hold"}} 0.0',
    ]


def test_an_answer_without_counts_has_no_evidence() -> None:
    metrics = VerdictMetrics()
    metrics.heard(question("shop"), FAILED)
    metrics.heard(question("shop"), Answer("no answer"))
    assert 'plimsoll_canary_verdict{cluster="",namespace="prod",release="shop",result="continue"} 1.0' in lines(metrics)
    assert not any("evidence" in line for line in lines(metrics))


def test_the_number_of_releases_is_bounded() -> None:
    metrics = VerdictMetrics()
    for number in range(MOST_RELEASES + 5):
        metrics.heard(question(f"shop-{number}"), FAILED)
    shown = [line for line in lines(metrics) if 'result="fail"' in line]
    assert len(shown) == MOST_RELEASES
    assert not any('"shop-4"' in line for line in shown)


def test_names_of_no_release_are_neither_shown_nor_in_the_place_of_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    metrics = VerdictMetrics()
    metrics.heard(question("shop"), FAILED)
    shown = lines(metrics)
    for number in range(2 * MOST_RELEASES):
        metrics.heard(question(f"made-up-{number}"), Answer("no such release"))
    assert lines(metrics) == shown
    assert len(caplog.records) == 2


def test_releases_of_one_name_in_two_clusters_are_two() -> None:
    metrics = VerdictMetrics()
    for cluster in ("a", "b"):
        metrics.heard(Question(ReleaseSeries("shop", "prod", cluster)), FAILED)
    assert len([line for line in lines(metrics) if 'result="fail"' in line]) == 2


def test_a_release_that_is_asked_for_no_more_is_forgotten() -> None:
    now = [0.0]
    metrics = VerdictMetrics(lambda: now[0])
    metrics.heard(question("shop"), FAILED)
    now[0] = KEPT_SECONDS + 1
    assert lines(metrics) == []


def test_a_result_is_logged_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    metrics = VerdictMetrics()
    for answer in (Answer("early"), Answer("still early"), FAILED, FAILED):
        metrics.heard(question("shop"), answer)
    assert [record.getMessage() for record in caplog.records] == [
        "verdict on release shop in namespace prod: continue: early",
        "verdict on release shop in namespace prod: fail: slower",
    ]
