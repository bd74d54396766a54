"""What a client can get wrong, and what it is told."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

GOOD_ROW = [0.0] * 784
JSON = {"Content-Type": "application/json"}


def body_of(**document: Any) -> bytes:
    return json.dumps(document).encode()


def row_with(value: Any, position: int = 3) -> list[Any]:
    return [*GOOD_ROW[:position], value, *GOOD_ROW[position + 1 :]]


# what is wrong: body, status, code, and words that must be in the reply
BAD_BODIES: dict[str, tuple[bytes, int, str, tuple[str, ...]]] = {
    "a short row": (body_of(features=GOOD_ROW[:700]), 422, "invalid_input", ("784 numbers", "700 numbers")),
    "a long row": (body_of(features=[*GOOD_ROW, 0.0]), 422, "invalid_input", ("784 numbers", "785 numbers")),
    "a row of one number": (body_of(features=[0.5]), 422, "invalid_input", ("784 numbers", "1 numbers")),
    "an empty row": (body_of(features=[]), 422, "invalid_input", ("784 numbers", "0 numbers")),
    "a nested row": (body_of(features=[GOOD_ROW]), 422, "invalid_input", ("784 numbers", "an array")),
    "a nested instance": (body_of(instances=[[GOOD_ROW]]), 422, "invalid_input", ("row 0", "an array")),
    "a string in a row": (body_of(features=row_with("dark")), 422, "invalid_input", ("position 3", "'dark'")),
    "a number as a string": (body_of(features=row_with("0.5")), 422, "invalid_input", ("position 3", "'0.5'")),
    "a boolean in a row": (body_of(features=row_with(value=True)), 422, "invalid_input", ("position 3", "a boolean")),
    "a null in a row": (body_of(features=row_with(None)), 422, "invalid_input", ("position 3", "null")),
    "an object in a row": (body_of(features=row_with({})), 422, "invalid_input", ("position 3", "an object")),
    "a string for a row": (body_of(features="0.5"), 422, "invalid_input", ("array of 784", "'0.5'")),
    "NaN": (body_of(features=row_with(float("nan"))), 400, "not_json", ("NaN", "finite numbers")),
    "Infinity": (body_of(features=row_with(float("inf"))), 400, "not_json", ("Infinity", "finite numbers")),
    "1e400": (body_of(features=row_with(7)).replace(b"7", b"1e400"), 422, "invalid_input", ("finite", "position 3")),
    "a huge integer": (body_of(features=row_with(7)).replace(b"7", b"9" * 5000), 422, "invalid_input", ("finite",)),
    "a number beyond FP32": (body_of(features=row_with(1e39)), 422, "invalid_input", ("FP32", "position 3")),
    "pixels to 255": (body_of(features=row_with(254)), 422, "invalid_input", ("0 to 1", "divided by 255", "254")),
    "a negative pixel": (body_of(features=row_with(-0.25)), 422, "invalid_input", ("0 to 1", "-0.25")),
    "101 rows": (body_of(instances=[GOOD_ROW] * 101), 422, "invalid_input", ("1 to 100 rows", "101 rows")),
    "no rows": (body_of(instances=[]), 422, "invalid_input", ("1 to 100 rows", "0 rows")),
    "both fields": (body_of(features=GOOD_ROW, instances=[GOOD_ROW]), 422, "invalid_input", ("either", "both")),
    "neither field": (body_of(), 422, "invalid_input", ("either", "neither")),
    "an unknown field": (body_of(features=GOOD_ROW, feature=1), 422, "invalid_input", ("'feature'",)),
    "an array": (b"[1, 2]", 422, "invalid_input", ("features", "an array")),
    "a bare number": (b"7", 422, "invalid_input", ("features", "a number")),
    "no body": (b"", 400, "empty_body", ("features",)),
    "blanks only": (b" \n ", 400, "empty_body", ("features",)),
    "truncated JSON": (body_of(features=GOOD_ROW)[:-5], 400, "not_json", ("not JSON", "character")),
    "words": (b"seven", 400, "not_json", ("not JSON",)),
    "bytes that are no text": (b'{"features": "\xff"}', 400, "not_json", ("UTF-8",)),
    "endless nesting": (b'{"features": ' + b"[" * 200_000, 400, "not_json", ("nested",)),
    "endless nesting elsewhere": (b'{"x": ' + b"[" * 200_000, 400, "not_json", ("nested",)),
}


@pytest.mark.parametrize(("body", "status", "code", "words"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_a_wrong_body_is_told_what_was_expected(
    client: httpx.AsyncClient, body: bytes, status: int, code: str, words: tuple[str, ...]
) -> None:
    reply = await client.post("/v1/predict", content=body, headers=JSON)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code), error
    assert error["request_id"] == reply.headers["x-request-id"]
    told = " ".join(str(value) for value in error.values())
    for word in words:
        assert word in told
    assert len(reply.content) < 1000, "a reply does not echo what was sent"


@pytest.mark.parametrize("index", [0, 1, 4])
async def test_a_bad_row_among_many_names_its_index(client: httpx.AsyncClient, index: int) -> None:
    for bad in (GOOD_ROW[:10], row_with("x"), row_with(2)):
        rows = [*[GOOD_ROW] * index, bad, *[GOOD_ROW] * (4 - index)]
        error = (await client.post("/v1/predict", json={"instances": rows})).json()["error"]
        assert error["index"] == index


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_another_content_type_is_refused(client: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    reply = await client.post("/v1/predict", content=body_of(features=GOOD_ROW), headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert reply.json()["error"]["expected"].startswith("Content-Type: application/json or text/csv or image/jpeg or ")


async def test_a_charset_beside_the_content_type_is_fine(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await client.post("/v1/predict", content=body_of(features=GOOD_ROW), headers=headers)).status_code == 200


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/predict", content=b"...", headers={**JSON, "Content-Encoding": "gzip"})
    assert reply.status_code == 415
    assert "gzip" in reply.json()["error"]["given"]


@pytest.mark.parametrize("megabytes", [20, 200])
async def test_a_body_that_is_too_long_is_refused(client: httpx.AsyncClient, megabytes: int) -> None:
    async def endless() -> Any:
        for _ in range(megabytes):
            yield b" " * (1 << 20)

    reply = await client.post("/v1/predict", content=endless(), headers=JSON)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "body_too_large")
    assert str(8 << 20) in reply.json()["error"]["expected"]
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/models/letters/predict", 404, "model_not_found"),
        ("POST", "/v1/models/digits/versions/9/predict", 404, "version_not_found"),
        ("GET", "/v1/models/letters", 404, "model_not_found"),
        ("GET", "/v1/models/letters/versions/1", 404, "model_not_found"),
        ("GET", "/v1/models/digits/versions/9", 404, "version_not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/predict", 405, "method_not_allowed"),
        ("DELETE", "/v1/models/digits", 405, "method_not_allowed"),
        ("GET", "/v1/models?limit=0", 422, "invalid_input"),
        ("GET", "/v1/models?offset=x", 422, "invalid_input"),
    ],
)
async def test_a_wrong_path_is_told_what_there_is(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    reply = await client.request(method, path, json={"features": GOOD_ROW} if method == "POST" else None)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    if code == "model_not_found":
        assert "digits" in reply.json()["error"]["expected"]
    if code == "version_not_found":
        assert "1, 2" in reply.json()["error"]["expected"]


async def test_what_clients_make_up_adds_no_series(client: httpx.AsyncClient) -> None:
    before = (await client.get("/metrics")).text
    for number in range(50):
        await client.post(f"/v1/models/made-up-{number}/predict", json={"features": GOOD_ROW})
    after = (await client.get("/metrics")).text
    assert "made-up" not in after
    assert len(after.splitlines()) - len(before.splitlines()) <= 1, "one counter for all unknown models"
