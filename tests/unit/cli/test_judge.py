from __future__ import annotations

import json

import pytest
from plimsoll.cli.judge import EXIT_CODES
from plimsoll.judge.verdict import Check, Result, Verdict
from plimsoll.rollout.judge_verdicts import Answer, Question, RecordedJudge

from tests.unit.cli.conftest import RunPlimsoll

AT = ("--prometheus", "http://prometheus:9090", "--release", "shop", "--namespace", "prod")
CHECKS = (Check("latency", 812.5, 40.0, "0.1", 0.25, 0.125), Check("split", 0.5, 1000.0, "", 0.1, 0.1))


def answer(result: Result) -> Answer:
    verdict = Verdict(result, "It is slower.", 406.25, 20.0, CHECKS, 120, 900, 0.118, 1.5, 480.0)
    return Answer(verdict.reason, verdict, 0.0, 60.0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RecordedJudge, Question]]:
    """The questions, each with its judge; the answer is always that the canary fails."""
    seen: list[tuple[RecordedJudge, Question]] = []

    def answered(judge: RecordedJudge, question: Question) -> Answer:
        seen.append((judge, question))
        return answer("fail")

    monkeypatch.setattr(RecordedJudge, "answer", answered)
    return seen


@pytest.mark.parametrize(("result", "code"), [("pass", 0), ("fail", 3), ("hold", 4), ("continue", 5)])
def test_the_exit_code_says_the_result(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch, result: Result, code: int
) -> None:
    monkeypatch.setattr(RecordedJudge, "answer", lambda _self, _question: answer(result))
    ran = plimsoll("judge", "verdict", *AT)
    assert (ran.code, EXIT_CODES[result]) == (code, code)
    assert ran.out.startswith(f"{result}: It is slower.\n")


@pytest.mark.usefixtures("asked")
def test_people_get_a_table(plimsoll: RunPlimsoll) -> None:
    out = plimsoll("judge", "verdict", *AT).out
    assert "requests of this step: canary 120 of about 480 that it takes, stable 900" in out
    assert "evidence that the canary is worse: 406, decided at 20" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["latency", "812", "40", "0.1", "25.000%", "12.500%"] in rows
    assert ["split", "0.5", "1e+03", "10.000%", "10.000%"] in rows


@pytest.mark.usefixtures("asked")
def test_programs_get_json(plimsoll: RunPlimsoll) -> None:
    assert json.loads(plimsoll("judge", "verdict", *AT, "--json").out) == answer("fail").document()


def test_the_options_are_those_of_the_judge(plimsoll: RunPlimsoll, asked: list[tuple[RecordedJudge, Question]]) -> None:
    guard = 'sales=paid{t="$track"}/all{t="$track"}'
    plimsoll("judge", "verdict", *AT, "--alpha", "0.01", "--interval", "1m", "--guard", guard, "--split", "unknown")
    ((judge, question),) = asked
    assert (judge.rules.alpha, judge.rules.guards, judge.interval_seconds) == (0.01, ("sales",), 60)
    assert not question.weights_are_recorded


def test_the_defaults_are_those_of_a_rollout(
    plimsoll: RunPlimsoll, asked: list[tuple[RecordedJudge, Question]]
) -> None:
    plimsoll("judge", "verdict", *AT)
    ((judge, question),) = asked
    assert (judge.rules.alpha, judge.rules.margin, judge.interval_seconds) == (0.05, 0.1, 15)
    assert question.weights_are_recorded


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--alpha", "0"), "--alpha is 0; give a number above 0"),
        (("--interval", "1y"), "1y is no interval"),
        (("--guard", "sales"), "does not begin with a name and ="),
        (("--namespace", "a b"), "'a b' is no name of a namespace"),
        (("--prometheus", "there"), "should begin with http:// or https://"),
    ],
)
def test_a_wrong_option_is_exit_code_2(
    plimsoll: RunPlimsoll, asked: list[tuple[RecordedJudge, Question]], options: tuple[str, str], sentence: str
) -> None:
    ran = plimsoll("judge", "verdict", *AT, *options)
    assert (ran.code, asked) == (2, [])
    assert sentence in ran.complaint


def test_without_an_answer_of_prometheus_it_says_why(plimsoll: RunPlimsoll) -> None:
    ran = plimsoll("judge", "verdict", *AT, "--prometheus", "http://127.0.0.1:9")
    assert ran.code == 5
    assert ran.out.startswith("continue: no answer from Prometheus at http://127.0.0.1:9: ")


def test_serving_asks_prometheus_by_the_same_options(plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[RecordedJudge, str, int]] = []
    monkeypatch.setattr("plimsoll.server.uvicorn_server.begin_process", lambda _: None)
    monkeypatch.setattr(
        "plimsoll.server.judge_server.serve_judge", lambda judge, host, port, _: started.append((judge, host, port))
    )
    ran = plimsoll("judge", "serve", "--prometheus", "http://there:9090", "--interval", "30s", "--effect", "0.3")
    assert ran.code == 0
    ((judge, host, port),) = started
    assert (host, port, judge.interval_seconds, judge.rules.effect) == ("127.0.0.1", 8004, 30, 0.3)
    assert judge.prometheus.name == "Prometheus at http://there:9090"
