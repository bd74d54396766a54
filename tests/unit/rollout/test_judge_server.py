from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from plimsoll.judge.verdict import Result, Verdict
from plimsoll.rollout import judge_server as module
from plimsoll.rollout.judge_metrics import RESULTS, VerdictMetrics
from plimsoll.rollout.judge_server import GOES_ON, judge_app
from plimsoll.rollout.judge_verdicts import Answer, Question, SharedVerdicts

PAYLOAD = {"name": "shop", "namespace": "prod", "phase": "Progressing", "checksum": "85d5"}


class Judge:
    """Answers with what a test decides, and keeps the questions."""

    def __init__(self) -> None:
        self.result: Result = "continue"
        self.requests = (1.0, 2.0)
        self.unread = False
        self.asked: list[Question] = []

    def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        if self.unread:
            return Answer("no answer from Prometheus")
        return Answer("so", Verdict(self.result, "so", 1.0, 20.0, (), *self.requests, 0.3, 1.0, None), 0.0, 60.0)


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
async def client(judge: Judge) -> AsyncIterator[httpx.AsyncClient]:
    metrics = VerdictMetrics()
    verdicts = SharedVerdicts(judge.answer, metrics.heard, cache_seconds=0.0)
    transport = httpx.ASGITransport(judge_app(verdicts, metrics))
    async with httpx.AsyncClient(transport=transport, base_url="http://judge") as asking:
        yield asking
    verdicts.close()


async def test_a_verdict_is_a_json_object(client: httpx.AsyncClient, judge: Judge) -> None:
    judge.result = "pass"
    reply = await client.get("/verdict?release=shop&namespace=prod&cluster=eu")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json() == {
        "result": "pass", "reason": "so", "evidence": 1.0, "threshold": 20.0, "checks": [], "canary_requests": 1.0,
        "stable_requests": 2.0, "share": 0.3, "dispersion": 1.0, "needed": None, "since": "1970-01-01T00:00:00+00:00",
        "step_since": "1970-01-01T00:01:00+00:00",
    }  # fmt: skip
    (asked,) = judge.asked
    assert (asked.release.fullname, asked.release.namespace, asked.release.cluster) == ("shop", "prod", "eu")
    assert asked.weights_are_recorded


async def test_a_split_that_nobody_records_is_said_so(client: httpx.AsyncClient, judge: Judge) -> None:
    await client.get("/verdict?release=shop&namespace=prod&split=unknown")
    assert not judge.asked[0].weights_are_recorded


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "release is missing; expected /verdict?release=NAME&namespace=NAME"),
        ("?release=shop", "namespace is missing; expected"),
        ("?release=shop&namespace=prod&split=half", "split is 'half'; expected"),
        ("?release=Shop&namespace=prod", "'Shop' is no name of a release"),
        ("?release=shop&namespace=a%22%7D", "is no name of a namespace"),
        ("?release=shop&namespace=prod&cluster=a%22", "is no name of a cluster"),
    ],
)
async def test_a_bad_request_is_400_with_a_sentence(
    client: httpx.AsyncClient, judge: Judge, query: str, sentence: str
) -> None:
    reply = await client.get(f"/verdict{query}")
    assert reply.status_code == 400
    assert sentence in reply.json()["error"]
    assert judge.asked == []


@pytest.mark.parametrize("hook", GOES_ON)
@pytest.mark.parametrize("result", RESULTS)
async def test_each_hook_of_flagger_goes_on_at_its_own_results(
    client: httpx.AsyncClient, judge: Judge, hook: str, result: Result
) -> None:
    judge.result = result
    reply = await client.post(f"/flagger/{hook}", json=PAYLOAD)
    going_on = {
        "rollout": result != "fail",
        "confirm-traffic-increase": result == "pass",
        "confirm-promotion": result == "pass",
        "rollback": result == "fail",
    }
    assert reply.status_code == (200 if going_on[hook] else 409)
    assert reply.text == f"{result}: so\n"


@pytest.mark.parametrize("hook", GOES_ON)
@pytest.mark.parametrize(("canary", "stable", "idle"), [(0, 2, True), (0, 0, False), (1, 2, False), (1, 0, False)])
async def test_only_an_increase_goes_on_while_the_canary_has_had_no_requests(
    client: httpx.AsyncClient, judge: Judge, hook: str, canary: float, stable: float, idle: bool
) -> None:
    judge.requests = canary, stable
    before = {"rollout": 200}.get(hook, 409)
    reply = await client.post(f"/flagger/{hook}", json=PAYLOAD)
    assert reply.status_code == (200 if idle and hook == "confirm-traffic-increase" else before)


async def test_an_increase_waits_for_a_prometheus_that_does_not_answer(client: httpx.AsyncClient, judge: Judge) -> None:
    judge.unread = True
    assert (await client.post("/flagger/confirm-traffic-increase", json=PAYLOAD)).status_code == 409


async def test_metadata_names_what_the_canary_of_flagger_does_not(client: httpx.AsyncClient, judge: Judge) -> None:
    await client.post("/flagger/rollout", json=PAYLOAD)
    metadata = {"release": "shop-plimsoll", "split": "recorded", "cluster": "eu"}
    await client.post("/flagger/rollout", json=PAYLOAD | {"metadata": metadata})
    seen = [(each.release.fullname, each.release.cluster, each.weights_are_recorded) for each in judge.asked]
    assert seen == [("shop", "", False), ("shop-plimsoll", "eu", True)]


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("post-rollout", b"{}", "'post-rollout' is no hook that is answered here; expected one of rollout,"),
        ("rollout", b"{", "the body is no payload of a Flagger webhook"),
        ("rollout", b"[" * 60_000, "the body is no payload of a Flagger webhook"),
        ("rollout", b'{"name": "shop"}', "the body is no payload of a Flagger webhook"),
        ("rollout", b'{"name": "a b", "namespace": "prod"}', "'a b' is no name of a release"),
        ("rollout", b'{"name":"shop","namespace":"prod","metadata":{"split":"x"}}', "split is 'x'; expected one of"),
        ("rollout", b" " * 70_000, "the body has more than 65536 bytes"),
    ],
)
async def test_a_webhook_that_cannot_be_read_is_400(
    client: httpx.AsyncClient, path: str, body: bytes, sentence: str
) -> None:
    reply = await client.post(f"/flagger/{path}", content=body)
    assert reply.status_code == 400
    assert sentence in reply.json()["error"]


async def test_a_body_that_does_not_come_is_given_up(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "_BODY_SECONDS", 0.01)
    reply = await client.post("/flagger/rollout", content=slow())
    assert (reply.status_code, reply.json()["error"]) == (400, "the body did not arrive within 0.01 s")


async def test_probes_and_metrics_are_answered(client: httpx.AsyncClient) -> None:
    await client.get("/verdict?release=shop&namespace=prod")
    assert [(await client.get(path)).status_code for path in ("/livez", "/readyz", "/metrics")] == [200] * 3
    scraped = await client.get("/metrics")
    assert 'plimsoll_canary_verdict{cluster="",namespace="prod",release="shop",result="continue"} 1.0' in scraped.text
    assert (await client.get("/docs")).status_code == 404
