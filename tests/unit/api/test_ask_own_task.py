"""Requests to a task of one's own, in a whole application: who waits, who does not, and what the client reads."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from plimsoll.application import Application

from tests.conftest import MakeBundle
from tests.doubles.bundles import replace_file
from tests.doubles.own_tasks import ANY, GO, PRIVATE, ROW, with_own_task, with_requests
from tests.unit.eventually import eventually
from tests.unit.services import running, until

DOUBLES = "tests.doubles.own_tasks"
ALLOWED = ",".join(f"{DOUBLES}:{name}" for name in ("Letters", "Flat", "Odd", "Undeclared"))
HURRY = {"x-request-timeout-ms": "100"}


@pytest.fixture
async def service(tmp_path: Path, make_tiny_bundle: MakeBundle) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    """The tiny model by four names: with a task of ours, a good one, an odd one, and one that writes late."""
    GO.set()
    make_tiny_bundle(name="plain")
    with_own_task(make_tiny_bundle(name="letters"))
    flat = with_own_task(make_tiny_bundle(name="flat"), "Flat")
    with_requests(flat, [{"body": {"letters": ROW}, "predictions": [{"label": "a", "sure": False}]}])
    with_own_task(make_tiny_bundle(name="odd"), "Odd")
    with_own_task(make_tiny_bundle(name="late"), "Odd", write="wait")
    async with running(tmp_path, factories=ALLOWED, stuck_seconds=3600.0) as (application, client):
        GO.clear()
        yield application, client
        GO.set()


async def ask(client: httpx.AsyncClient, model: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    reply = await client.post(f"/v1/models/{model}/predict", json=body, headers=headers)
    return reply.status_code, reply.json()


async def test_it_answers_in_its_own_words(service: tuple[Application, httpx.AsyncClient]) -> None:
    _, client = service
    status, answer = await ask(client, "letters", {"instances": [ROW, {**ROW, "a": 0}]})
    assert (status, answer["model"]) == (200, "letters")
    assert [sorted(each) for each in answer["predictions"]] == [["label", "scores"]] * 2
    plain = (await ask(client, "plain", {"features": [0, 0.2, 0.3, 0.4]}))[1]["predictions"][0]
    assert answer["predictions"][1] == {"label": plain["class"], "scores": pytest.approx(plain["probabilities"])}
    scrape = (await client.get("/metrics")).text
    assert 'plimsoll_task_events_total{model="letters",name="zeros",version="1"} 1.0' in scrape
    for step in ("read", "write"):
        assert f'plimsoll_task_duration_seconds_count{{model="letters",name="{step}",version="1"}} 1.0' in scrape


async def test_a_mistake_of_the_client_and_one_of_the_task_each_name_the_row_and_no_secret(
    service: tuple[Application, httpx.AsyncClient], caplog: pytest.LogCaptureFixture
) -> None:
    _, client = service
    status, answer = await ask(client, "odd", {"instances": [ROW, {**ROW, "do": "refuse"}]})
    assert status == 422
    assert answer["error"] | {"request_id": ""} == {
        "code": "invalid_input", "message": "it is too odd", "expected": "an even one", "given": "odd", "index": 1,
        "request_id": "",
    }  # fmt: skip
    with caplog.at_level(logging.ERROR):
        status, answer = await ask(client, "odd", {"instances": [ROW, {**ROW, "do": "raise"}]})
    assert (status, answer["error"]["code"], answer["error"]["index"]) == (500, "model_failed", 1)
    assert answer["error"]["message"] == "the task of this model failed to read row 1"
    assert PRIVATE not in json.dumps(answer)
    assert PRIVATE in caplog.text


async def test_csv_is_written_where_the_answer_has_lines_and_json_otherwise(
    service: tuple[Application, httpx.AsyncClient],
) -> None:
    _, client = service
    flat = await client.post("/v1/models/flat/predict", json={"letters": ROW}, headers={"accept": "text/csv"})
    assert flat.text == "label,sure\r\na,false\r\n"
    reply = await client.post("/v1/models/letters/predict", json={"letters": ROW}, headers={"accept": "text/csv"})
    assert reply.headers["content-type"] == "application/json"
    refused = await client.post(
        "/v1/models/letters/predict", content=b"1,2,3,4\n", headers={"content-type": "text/csv"}
    )
    assert (refused.status_code, refused.json()["error"]["message"]) == (415, "the task of this model reads JSON")


async def test_code_that_does_not_return_holds_up_no_other_version(
    service: tuple[Application, httpx.AsyncClient],
) -> None:
    _, client = service
    late = await asyncio.gather(*(ask(client, "odd", {"letters": {**ROW, "do": "wait"}}, **HURRY) for _ in range(4)))
    assert [(status, answer["error"]["code"]) for status, answer in late] == [(504, "deadline_exceeded")] * 4
    status, answer = await ask(client, "letters", {"letters": ROW})
    assert (status, answer["model"]) == (200, "letters")
    assert (await ask(client, "plain", {"features": [1, 1, 1, 1]}))[0] == 200
    await asyncio.sleep(1.1)  # from then on it is more than slow
    status, answer = await ask(client, "odd", {"letters": ROW})
    assert (status, answer["error"]["code"]) == (503, "stuck")

    async def answers() -> bool:
        return (await ask(client, "odd", {"letters": ROW}))[0] == 200

    await until(GO.set, answers)


async def test_writing_ends_at_the_deadline_too(service: tuple[Application, httpx.AsyncClient]) -> None:
    _, client = service
    status, answer = await ask(client, "late", {"letters": ROW}, **HURRY)
    assert (status, answer["error"]["message"]) == (504, "the write of the request did not end in the time that it had")
    GO.set()
    assert (await ask(client, "late", {"letters": ROW}))[0] == 200


async def test_every_place_in_flight_is_free_after_whatever_happened(
    service: tuple[Application, httpx.AsyncClient],
) -> None:
    _, client = service
    for do in ("refuse", "raise", "wait", "short"):
        await ask(client, "odd", {"letters": {**ROW, "do": do}}, **HURRY)
    text = (await client.get("/metrics")).text
    assert "\nplimsoll_requests_in_flight 0.0" in text


async def test_the_document_shows_the_row_and_an_example_that_is_answered(
    service: tuple[Application, httpx.AsyncClient],
) -> None:
    application, client = service
    components = json.loads(application.document.rendered())["components"]
    body = components["requestBodies"]["letters.1"]["content"]["application/json"]
    assert body["schema"]["oneOf"][0]["properties"]["letters"]["required"] == list("abcd")
    assert components["schemas"]["letters.1"]["properties"]["predictions"]["items"]["properties"]["label"]
    for name in ("one-row", "two-rows"):
        status, _ = await ask(client, "letters", components["examples"][f"letters.1.{name}"]["value"])
        assert status == 200


async def test_the_threads_end_with_the_service(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    def living() -> int:
        return sum(each.name == "task" for each in threading.enumerate())

    with_own_task(make_tiny_bundle())
    before = living()
    async with running(tmp_path, factories=ALLOWED) as (_, client):
        assert (await ask(client, "tiny", {"letters": ROW}))[0] == 200
        assert living() > before
    await eventually(lambda: living() <= before)


@pytest.mark.parametrize(
    ("task", "options", "requests", "sentence"),
    [
        ("Missing", {}, None, "check 'task' failed: the bundle wants the task"),
        ("Undeclared", {}, None, "check 'golden' failed: golden request 0 is not answered: the task of this model f"),
        ("Odd", {"write": "a set"}, None, "golden request 0 is not answered: the task of this model answered the row"),
        ("Letters", {}, [{"body": {"letters": 1}, "predictions": ANY}], "golden request 0 is not answered: 'letters'"),
        (
            "Letters", {}, [{"body": {"letters": ROW}, "predictions": each} for each in (ANY, [])],
            "golden request 1 does not match: predictions has 1 values, expected are 0",
        ),
    ],
    ids=["not allowed", "undeclared metric", "no json", "refused", "another answer"],
)  # fmt: skip
async def test_a_version_whose_task_is_not_proven_does_not_serve(
    tmp_path: Path, make_tiny_bundle: MakeBundle, task: str, options: dict[str, Any], requests: Any, sentence: str
) -> None:
    bundle = with_own_task(make_tiny_bundle(), task, **options)
    if requests is not None:
        replace_file(bundle, "requests.json", json.dumps(requests).encode())
    async with running(tmp_path, factories=ALLOWED) as (_, client):
        detail = (await client.get("/v1/models/tiny/versions/1")).json()
        assert detail["state"] == "failed"
        assert sentence in detail["reason"]
        assert PRIVATE not in detail["reason"]


async def test_golden_requests_prove_a_task_of_ours_too(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:

    requests = [
        {"body": {"features": [0.1, 0.2, 0.3, 0.4]}, "predictions": [{"class": "z", "probabilities": [1, 0, 0]}]}
    ]
    with_requests(make_tiny_bundle(), requests)
    async with running(tmp_path) as (_, client):
        reason = (await client.get("/v1/models/tiny/versions/1")).json()["reason"]
    assert "check 'golden' failed: golden request 0 does not match: predictions[0].class is" in reason
