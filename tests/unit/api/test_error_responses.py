from __future__ import annotations

import logging
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.api.access_log import AccessLog
from plimsoll.api.error_responses import ErrorBody, error_response, install_error_handlers, reply_to
from plimsoll.api.request_scope import RequestScope, Surroundings
from plimsoll.api.serving_state import ServingState
from plimsoll.api.site_policy import SitePolicy
from plimsoll.errors import (
    BodyTooLarge,
    BodyTooSlow,
    BundleError,
    ClientError,
    ClientGone,
    DeadlineExceeded,
    DesiredStateError,
    DesiredStateNotWritable,
    DeviceError,
    Draining,
    Forbidden,
    HeadTooLarge,
    HeadTooSlow,
    HostNotAllowed,
    InvalidInput,
    LoadFailed,
    Loading,
    MalformedBody,
    MalformedRequest,
    MethodNotAllowed,
    ModelFailed,
    NoDefaultModel,
    NotFound,
    OperatorError,
    OriginNotAllowed,
    OutOfDeviceMemory,
    Overloaded,
    PlimsollError,
    RequestLineTooLong,
    Stuck,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from starlette.exceptions import HTTPException

PUBLIC: list[tuple[PlimsollError, int, str]] = [
    (ClientError("it is wrong"), 400, "bad_request"),
    (MalformedRequest("it is wrong"), 400, "malformed_request"),
    (MalformedBody("it is wrong"), 400, "not_json"),
    (MalformedBody("it is wrong", code="empty_body"), 400, "empty_body"),
    (HostNotAllowed("it is wrong"), 400, "host_not_allowed"),
    (Unauthorized("it is wrong"), 401, "unauthorized"),
    (Forbidden("it is wrong"), 403, "forbidden"),
    (OriginNotAllowed("it is wrong"), 403, "origin_not_allowed"),
    (NotFound("it is wrong"), 404, "not_found"),
    (NotFound("it is wrong", code="model_not_found"), 404, "model_not_found"),
    (MethodNotAllowed("it is wrong"), 405, "method_not_allowed"),
    (HeadTooSlow("it is wrong"), 408, "head_too_slow"),
    (BodyTooSlow("it is wrong"), 408, "body_too_slow"),
    (DesiredStateNotWritable("it is wrong"), 409, "desired_state_not_writable"),
    (BodyTooLarge("it is wrong"), 413, "body_too_large"),
    (RequestLineTooLong("it is wrong"), 414, "request_line_too_long"),
    (UnsupportedMediaType("it is wrong"), 415, "unsupported_media_type"),
    (InvalidInput("it is wrong"), 422, "invalid_input"),
    (HeadTooLarge("it is wrong"), 431, "head_too_large"),
    (Unavailable("it is wrong"), 503, "unavailable"),
    (Loading("it is wrong"), 503, "loading"),
    (LoadFailed("it is wrong"), 503, "failed"),
    (Draining("it is wrong"), 503, "draining"),
    (Stuck("it is wrong"), 503, "stuck"),
    (Overloaded("it is wrong"), 429, "overloaded"),
    (DeadlineExceeded("it is wrong"), 504, "deadline_exceeded"),
    (OutOfDeviceMemory("it is wrong"), 507, "out_of_device_memory"),
    (ModelFailed("it is wrong"), 500, "model_failed"),
]
INTERNAL: list[PlimsollError] = [
    PlimsollError("at /srv/secret", code="revealing", expected="secret", given="secret", index=1),
    OperatorError("at /srv/secret"),
    BundleError("golden", "at /srv/secret"),
    DesiredStateError("at /srv/secret"),
    DeviceError("at /srv/secret"),
]


def error_of(body: bytes | memoryview) -> dict[str, Any]:
    ErrorBody.model_validate_json(bytes(body))
    error: dict[str, Any] = orjson.loads(body)["error"]
    return error


@pytest.mark.parametrize(("error", "status", "code"), PUBLIC)
def test_what_is_meant_for_clients_reaches_them_as_it_is(error: PlimsollError, status: int, code: str) -> None:
    response = error_response(error, "id-1")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert error_of(response.body) == {"code": code, "message": "it is wrong", "request_id": "id-1"}


@pytest.mark.parametrize("error", INTERNAL, ids=lambda error: type(error).__name__)
def test_what_is_not_meant_for_clients_says_only_internal(error: PlimsollError) -> None:
    response = error_response(error, "id-1")
    assert response.status_code == 500
    assert error_of(response.body) == {
        "code": "internal",
        "message": "something went wrong in the server; its log has the request id",
        "request_id": "id-1",
    }
    assert "retry-after" not in response.headers


def test_every_class_of_the_tree_is_in_one_of_these_lists() -> None:
    def descendants(of: type[PlimsollError]) -> set[type[PlimsollError]]:
        return {of}.union(*(descendants(each) for each in of.__subclasses__()))

    ours = {each for each in descendants(PlimsollError) if each.__module__ == "plimsoll.errors"}
    rest = {ClientGone, NoDefaultModel}  # sent to nobody; with a sentence of the front that answers
    assert ours == {type(error) for error, *_ in PUBLIC} | {type(error) for error in INTERNAL} | rest


def test_an_error_that_is_its_own_cause_is_answered() -> None:
    error, cause = ModelFailed("it is wrong"), ValueError()
    error.__cause__, cause.__cause__ = cause, cause
    assert reply_to(error, "id-1").status_code == 500


def test_what_was_expected_and_given_and_the_row_are_said_where_they_are_known() -> None:
    error = InvalidInput("wrong", expected="4 numbers", given="5 numbers", index=0)
    assert error_of(error_response(error, "id-1").body) == {
        "code": "invalid_input", "message": "wrong", "expected": "4 numbers", "given": "5 numbers", "index": 0,
        "request_id": "id-1",
    }  # fmt: skip


@pytest.mark.parametrize("error", [Loading("later"), Draining("elsewhere"), Unavailable("later")])
def test_who_may_come_back_is_told_when(error: PlimsollError) -> None:
    assert error_response(error, "id-1").headers["retry-after"] == "1"


def test_who_is_refused_by_a_full_queue_is_told_the_time_that_was_measured() -> None:
    error = Overloaded("full")
    error.retry_after_seconds = 17
    assert error_response(error, "id-1").headers["retry-after"] == "17"


@pytest.mark.parametrize("error", [DeadlineExceeded("late"), OutOfDeviceMemory("large"), InvalidInput("wrong")])
def test_who_would_only_fail_again_is_not_told_to_come_back(error: PlimsollError) -> None:
    assert "retry-after" not in error_response(error, "id-1").headers


def test_who_shows_no_key_is_told_how_to_show_one() -> None:
    assert error_response(Unauthorized("no key"), "id-1").headers["www-authenticate"].startswith("Bearer")
    assert "www-authenticate" not in error_response(Forbidden("no scope"), "id-1").headers


def test_after_a_body_that_was_not_read_to_its_end_the_connection_is_closed() -> None:
    assert error_response(BodyTooLarge("long"), "id-1").headers["connection"] == "close"
    assert "connection" not in error_response(InvalidInput("wrong"), "id-1").headers


@given(words=st.text(st.characters(codec="utf-8")), request_id=st.text("abc-._:", min_size=1))
def test_whatever_a_message_quotes_the_body_is_json(words: str, request_id: str) -> None:
    error = error_of(error_response(NotFound(words, expected=words, given=words), request_id).body)
    assert (error["message"], error["expected"], error["given"], error["request_id"]) == (
        words,
        words,
        words,
        request_id,
    )


@pytest.fixture
def app() -> FastAPI:
    """Routes that raise, one error each."""
    made = FastAPI()
    surroundings: Surroundings = {
        "state": ServingState(),
        "respond": error_response,
        "access_log": AccessLog(0),
        "sites": SitePolicy(),
    }
    made.add_middleware(RequestScope, **surroundings)
    install_error_handlers(made)
    for position, error in enumerate([*(each for each, *_ in PUBLIC), *INTERNAL, HTTPException(404)]):
        made.add_api_route(f"/raise/{position}", raising(error))

    async def number(value: int) -> int:
        return value

    made.add_api_route("/number", number)
    return made


def raising(error: Exception) -> Any:
    async def route() -> None:
        raise error

    return route


async def ask(app: FastAPI, method: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plimsoll") as client:
        return await client.request(method, path, headers={"X-Request-Id": "me-1"})


@pytest.mark.parametrize("number", range(len(PUBLIC)))
async def test_an_error_that_a_route_raises_is_answered_in_the_contract(app: FastAPI, number: int) -> None:
    reply = await ask(app, "GET", f"/raise/{number}")
    _, status, code = PUBLIC[number]
    assert reply.status_code == status
    assert error_of(reply.content) == {"code": code, "message": "it is wrong", "request_id": "me-1"}


@pytest.mark.parametrize("number", range(len(PUBLIC), len(PUBLIC) + len(INTERNAL)))
async def test_an_internal_error_is_logged_and_not_told(
    app: FastAPI, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await ask(app, "GET", f"/raise/{number}")
    assert reply.status_code == 500
    assert "secret" not in reply.text
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage() == "request failed: at /srv/secret"


async def test_a_client_that_has_gone_is_not_told_anything_and_is_no_error_in_the_log(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_api_route("/gone", raising(ClientGone("it left")))
    reply = await ask(app, "GET", "/gone")
    assert (reply.status_code, reply.content) == (499, b"")
    assert [each for each in caplog.records if each.levelno == logging.ERROR] == []


@pytest.mark.parametrize("path", ["/", "/nowhere", "/number/7", f"/raise/{len(PUBLIC) + len(INTERNAL)}"])
async def test_a_route_that_is_not_there_is_404_in_the_contract(app: FastAPI, path: str) -> None:
    reply = await ask(app, "GET", path)
    assert reply.status_code == 404
    assert error_of(reply.content)["code"] == "not_found"
    assert "/docs" in error_of(reply.content)["message"]


async def test_a_verb_that_is_not_allowed_is_405_with_those_that_are(app: FastAPI) -> None:
    reply = await ask(app, "DELETE", "/number")
    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, HEAD"
    error = error_of(reply.content)
    assert (error["code"], error["message"], error["expected"]) == (
        "method_not_allowed", "DELETE is not allowed here", "GET, HEAD",
    )  # fmt: skip


async def test_a_405_without_a_list_of_verbs_expects_nothing(app: FastAPI) -> None:
    app.add_api_route("/bare", raising(HTTPException(405)))
    assert "expected" not in error_of((await ask(app, "GET", "/bare")).content)


@pytest.mark.parametrize(("path", "said"), [("/number?value=x", "input should be"), ("/number", "field required")])
async def test_a_parameter_that_does_not_fit_is_422_and_named(app: FastAPI, path: str, said: str) -> None:
    reply = await ask(app, "GET", path)
    assert reply.status_code == 422
    error = error_of(reply.content)
    assert error["code"] == "invalid_input"
    assert error["message"].startswith(f"parameter 'value': {said}")
