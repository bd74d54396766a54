"""Errors in OpenAI's form, by which its client chooses an exception and whether to ask again."""

from __future__ import annotations

import orjson
import pytest
from plimsoll.errors import (
    ClientGone,
    InvalidInput,
    ModelFailed,
    NotFound,
    Overloaded,
    PlimsollError,
    Unauthorized,
)
from plimsoll.fronts.openai_errors import error_reply


def overloaded() -> Overloaded:
    error = Overloaded("the queue is full")
    error.retry_after_seconds = 3
    return error


@pytest.mark.parametrize(
    ("error", "status", "kind", "parameter", "code"),
    [
        (InvalidInput("a text is empty", index=3), 400, "invalid_request_error", "input[3]", "invalid_input"),
        (NotFound("no model", code="model_not_found"), 404, "invalid_request_error", "model", "model_not_found"),
        (NotFound("no version", code="version_not_found"), 404, "invalid_request_error", "model", "version_not_found"),
        (Unauthorized("who are you?"), 401, "invalid_request_error", None, "unauthorized"),
        (overloaded(), 429, "rate_limit_error", None, "overloaded"),
        (ModelFailed("it fell over"), 500, "server_error", None, "model_failed"),
    ],
)
def test_the_kind_says_who_can_mend_it(
    error: PlimsollError, status: int, kind: str, parameter: str | None, code: str
) -> None:
    reply = error_reply(error)
    found = orjson.loads(reply.content)["error"]
    assert reply.status == status
    assert found["message"].startswith(error.message)
    assert (found["type"], found["param"], found["code"]) == (kind, parameter, code)


def test_an_error_says_when_to_ask_again_and_how_to_show_a_key() -> None:
    assert (b"retry-after", b"3") in error_reply(overloaded()).headers
    assert any(name == b"www-authenticate" for name, _ in error_reply(Unauthorized("key")).headers)


def test_an_internal_error_says_nothing_of_itself() -> None:
    reply = error_reply(PlimsollError("weights at /srv/secret", code="secret"))
    assert (reply.status, b"secret" in reply.content) == (500, False)
    assert orjson.loads(reply.content)["error"]["code"] == "internal"


def test_a_client_that_has_left_gets_nothing() -> None:
    assert error_reply(ClientGone("gone")).content == b""
