from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from plimsoll.errors import ClientGone
from plimsoll.inference.ports import Model

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.models import EchoModel, FailingModel, NanModel, SlowModel, flat_signature
from tests.unit.api.conftest import MAX_BODY_BYTES, Edge

ROW = {"features": [0.25, 0.75]}
JSON = {"Content-Type": "application/json"}


def error_of(reply: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = reply.json()["error"]
    assert error.pop("request_id") == reply.headers["x-request-id"]
    return error


async def test_a_row_is_answered_with_its_class_and_the_version_that_gave_it(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    reply = await edge.client.post("/v1/predict", json=ROW)
    assert reply.status_code == 200
    assert reply.headers["x-plimsoll-version"] == "3"
    assert reply.headers["content-type"] == "application/json"
    answer = reply.json()
    assert answer.pop("latency_ms") > 0
    assert answer == {
        "model": "echo", "version": "3", "predictions": [{"class": "b", "probabilities": [0.25, 0.75]}],
    }  # fmt: skip
    assert edge.observer.last == ("echo", "3", 200)


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/v1/predict", "10"),
        ("/v1/models/echo/predict", "10"),
        ("/v1/models/echo/versions/9/predict", "9"),
        ("/v1/models/echo/versions/10/predict", "10"),
    ],
)
async def test_the_path_chooses_the_model_and_the_version(edge: Edge, path: str, version: str) -> None:
    edge.serve("echo", "9", EchoModel())
    edge.serve("echo", "10", EchoModel())
    reply = await edge.client.post(path, json={"instances": [[1, 0], [0, 1]]})
    assert reply.json()["version"] == reply.headers["x-plimsoll-version"] == version
    assert [each["class"] for each in reply.json()["predictions"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("/v1/models/ghost/predict", "model_not_found", "one of: echo"),
        ("/v1/models/echo/versions/2/predict", "version_not_found", "one of: 1"),
    ],
)
async def test_an_unknown_model_or_version_is_404_with_what_there_is(
    edge: Edge, path: str, code: str, expected: str
) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.post(path, json=ROW)
    assert reply.status_code == 404
    error = error_of(reply)
    assert (error["code"], error["expected"]) == (code, expected)
    assert edge.observer.last == ("", "", 404)


async def test_a_model_that_is_not_ready_is_503_with_a_time_to_come_back(edge: Edge) -> None:
    edge.desire("echo", "1")
    reply = await edge.client.post("/v1/predict", json=ROW)
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert error_of(reply)["code"] == "loading"
    assert edge.observer.last == ("", "", 503)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", JSON, 400, "empty_body"),
        (b'{"features": [0.1', JSON, 400, "not_json"),
        (b'{"features": [NaN, 1]}', JSON, 400, "not_json"),
        (b'{"features": [0.1, 0.2]}', {}, 415, "unsupported_media_type"),
        (b'{"features": [0.1, 0.2]}', {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{" + b" " * MAX_BODY_BYTES, JSON, 413, "body_too_large"),
        (b'{"features": [0.1]}', JSON, 422, "invalid_input"),
        (b'{"features": [0.1, "0.2"]}', JSON, 422, "invalid_input"),
        (b'{"instances": [[0.1, 1e400]]}', JSON, 422, "invalid_input"),
        (b'{"features": "\\ud800"}', JSON, 422, "invalid_input"),
    ],
)
async def test_bad_input_gets_its_4xx_and_is_counted_under_the_version_it_was_for(
    edge: Edge, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.post("/v1/predict", content=content, headers=headers)
    assert (reply.status_code, error_of(reply)["code"]) == (status, code)
    assert edge.observer.last == ("echo", "1", status)
    assert (edge.observer.in_flight, edge.state.in_flight) == (0, 0)


async def test_a_number_at_a_bound_that_fp32_does_not_have_is_answered(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(flat_signature(2, minimum=0, maximum=0.1)))
    assert (await edge.client.post("/v1/predict", json={"features": [0.1, 0]})).status_code == 200


FAILED = {"code": "model_failed", "message": "the model failed on this request"}
NOT_FINITE = {
    "code": "model_failed", "message": "the model gave a number that is not finite",
    "expected": "finite numbers, since JSON has no others", "given": "nan",
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "error"), [(FailingModel(), FAILED), (FailingModel(inline_rows=0), FAILED), (NanModel(), NOT_FINITE)]
)
async def test_a_model_that_breaks_down_is_500_and_says_nothing_of_itself(
    edge: Edge, model: Model, error: dict[str, str]
) -> None:
    edge.serve("bad", "1", model)
    reply = await edge.client.post("/v1/predict", json=ROW)
    assert reply.status_code == 500
    assert error_of(reply) == error
    assert FailingModel.private_words not in reply.text
    assert edge.observer.last == ("bad", "1", 500)
    assert (edge.observer.in_flight, edge.state.in_flight) == (0, 0)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_counted_and_not_answered(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    exchange = Exchange(edge.asgi, http_scope("/v1/predict", "POST", JSON), [b'{"features"', None])
    await exchange.run()
    assert edge.observer.last == ("echo", "1", ClientGone.status)
    assert (edge.observer.in_flight, edge.state.in_flight) == (0, 0)


async def test_a_request_that_is_cancelled_is_over_for_the_observer_too(edge: Edge) -> None:
    model = SlowModel()
    edge.serve("slow", "1", model)
    asking = asyncio.create_task(edge.client.post("/v1/predict", json=ROW))
    assert await asyncio.to_thread(model.running.wait, 30)
    assert (edge.observer.in_flight, edge.state.in_flight) == (1, 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (edge.observer.in_flight, edge.state.in_flight) == (0, 0)
    model.release.set()


async def test_a_slow_model_does_not_keep_a_quick_one_or_a_probe_waiting(edge: Edge) -> None:
    slow = SlowModel()
    edge.serve("slow", "1", slow)
    edge.serve("quick", "1", EchoModel())
    asking = asyncio.create_task(edge.client.post("/v1/models/slow/predict", json=ROW))
    assert await asyncio.to_thread(slow.running.wait, 30)
    assert (await edge.client.post("/v1/models/quick/predict", json=ROW)).status_code == 200
    assert (await edge.client.get("/livez")).status_code == 200
    assert not asking.done()
    slow.release.set()
    assert (await asking).status_code == 200
