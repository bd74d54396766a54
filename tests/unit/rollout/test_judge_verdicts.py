from __future__ import annotations

import asyncio
import json
import math
import threading
from dataclasses import replace

import pytest
from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Check, Verdict
from plimsoll.rollout import judge_verdicts as module
from plimsoll.rollout.judge_verdicts import Answer, Question, RecordedJudge, SharedVerdicts
from plimsoll.rollout.prometheus_release import PART, ReleaseSeries

from tests.doubles.fake_prometheus import FakePrometheus, rising

NOW = 1_000_000.0
SHOP = Question(ReleaseSeries("shop", "prod"))
UNKNOWN = replace(SHOP, weights_are_recorded=False)
VERDICT = Verdict(
    "fail", "slower", math.inf, 20.0, (Check("latency", math.inf, math.nan, "0.1", 0.5, 0.1),), 10, 90, 0.1, 1.0, None
)


def release(failing: float) -> FakePrometheus:
    """A release whose canary came half an hour ago and fails in so many of its requests; 20 requests/s a track."""
    prometheus, begin = FakePrometheus(), NOW - 1800
    prometheus.add(
        "plimsoll_model_info",
        lambda at: 1 if at >= begin else None,
        **{PART: "model", "model": "digits", "version": "2"},
    )
    for track, rate in (("canary", failing), ("stable", 0.01)):
        of = {"service": f"shop-{track}", "pod": track}
        for part, value in (("requests", 20.0), ("failed", 20.0 * rate)):
            prometheus.add("plimsoll_requests_total", rising(value, begin), **of, **{PART: part})
        for edge, within in (("0.05", 6.0), ("0.1", 13.0), ("0.2", 18.0), ("+Inf", 19.0)):
            prometheus.add("plimsoll_requests_total", rising(within, begin), **of, **{PART: "within", "le": edge})
        prometheus.add("plimsoll_requests_total", lambda at: at - 1, **of, **{PART: "read"})
    return prometheus


def judge_of(prometheus: FakePrometheus) -> RecordedJudge:
    return RecordedJudge(prometheus.client(), Rules(), clock=lambda: NOW)


def test_a_canary_that_fails_often_fails() -> None:
    answer = judge_of(release(0.2)).answer(UNKNOWN)
    document = answer.document()
    assert (answer.result, document["result"], document["since"]) == ("fail", "fail", "1970-01-12T13:17:15+00:00")
    assert document["evidence"] > document["threshold"]
    assert {"latency", "errors"} <= {each["name"] for each in document["checks"]}
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_one_that_is_like_stable_passes() -> None:
    assert judge_of(release(0.01)).answer(UNKNOWN).result == "pass"


def test_without_a_prometheus_the_answer_is_continue_with_the_reason() -> None:
    answer = judge_of(FakePrometheus()).answer(SHOP)
    document = answer.document()
    assert (document["result"], document["checks"], document["since"], document["threshold"]) == (
        "continue",
        [],
        None,
        None,
    )
    assert "has no series of Plimsoll now" in document["reason"]


def test_a_canary_that_has_just_come_is_continue() -> None:
    prometheus = FakePrometheus()
    prometheus.add("plimsoll_model_info", lambda at: 1 if at > NOW - 20 else None, **{PART: "model"})
    answer = judge_of(prometheus).answer(UNKNOWN)
    assert (answer.result, answer.verdict is not None) == ("continue", True)


def test_a_document_has_the_same_keys_always_and_no_infinite_number() -> None:
    known, nothing = Answer("slower", VERDICT, 1.0, 2.0).document(), Answer("no answer").document()
    assert list(known) == list(nothing)
    assert json.loads(json.dumps(known, allow_nan=False))["evidence"] > 1e300
    assert known["checks"][0]["threshold"] is None


async def test_a_question_is_answered_once_for_all_who_ask_it_together_and_then_from_memory() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer("so")

    verdicts = SharedVerdicts(answer)
    assert {each.reason for each in await asyncio.gather(*(verdicts.ask(SHOP) for _ in range(9)))} == {"so"}
    assert (await verdicts.ask(SHOP)).reason == "so"
    await verdicts.ask(UNKNOWN)
    assert asked == [SHOP, UNKNOWN]
    verdicts.close()


async def test_memory_ends() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer("so")

    verdicts = SharedVerdicts(answer, cache_seconds=0.0)
    await verdicts.ask(SHOP)
    await verdicts.ask(SHOP)
    assert len(asked) == 2
    verdicts.close()


async def test_a_client_that_leaves_takes_the_answer_from_no_other_one() -> None:
    release_it = threading.Event()
    verdicts = SharedVerdicts(lambda _: (release_it.wait(30), Answer("so"))[1])
    first, second = asyncio.create_task(verdicts.ask(SHOP)), asyncio.create_task(verdicts.ask(SHOP))
    await asyncio.sleep(0)
    first.cancel()
    release_it.set()
    assert (await second).reason == "so"
    verdicts.close()


async def test_too_many_releases_at_once_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_OTHERS_WAITING", 1)
    release_it = threading.Event()
    verdicts = SharedVerdicts(lambda _: (release_it.wait(30), Answer("so"))[1])
    first = asyncio.create_task(verdicts.ask(SHOP))
    await asyncio.sleep(0)
    refused = await verdicts.ask(UNKNOWN)
    assert (refused.result, refused.reason[:25]) == ("continue", "1 other releases wait for")
    release_it.set()
    await first
    verdicts.close()


async def test_names_of_no_release_take_nothing_from_one_that_was_judged() -> None:
    release_it = threading.Event()

    def answer(question: Question) -> Answer:
        if question == SHOP:
            return Answer("slower", VERDICT)
        release_it.wait(30)
        return Answer("no such release")

    verdicts = SharedVerdicts(answer, cache_seconds=0.0)
    assert (await verdicts.ask(SHOP)).result == "fail"
    made_up = [Question(ReleaseSeries(f"made-up-{number}", "prod")) for number in range(200)]
    flood = [asyncio.create_task(verdicts.ask(each)) for each in made_up]
    await asyncio.sleep(0)
    assert (await asyncio.wait_for(verdicts.ask(SHOP), 10)).result == "fail"
    release_it.set()
    assert {each.result for each in await asyncio.gather(*flood)} == {"continue"}
    verdicts.close()


async def test_a_fault_of_the_judge_is_continue_and_heard(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def broken(_: Question) -> Answer:
        raise ZeroDivisionError("a secret of the code")

    verdicts = SharedVerdicts(broken, lambda _, answer: heard.append(answer.result))
    answer = await verdicts.ask(SHOP)
    assert (answer.result, heard) == ("continue", ["continue"])
    assert "secret" not in answer.reason
    assert "the verdict on shop cannot be computed" in caplog.text
    verdicts.close()
