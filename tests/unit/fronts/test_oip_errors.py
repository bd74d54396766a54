from __future__ import annotations

import orjson
import pytest
from plimsoll.errors import (
    BodyTooLarge,
    ClientGone,
    InvalidInput,
    Loading,
    ModelFailed,
    Overloaded,
    PlimsollError,
    Unauthorized,
)
from plimsoll.fronts.oip_errors import error_reply
from plimsoll.inference.ports import Reply

PRIVATE = "something went wrong in the server; its log has the x-request-id of this answer"


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (InvalidInput("it is wrong", expected="a", given="b"), 400, "it is wrong; expected a; given b"),
        (InvalidInput("it is wrong", index=2), 400, "it is wrong in row 2"),
        (InvalidInput("row 2 is wrong", index=2), 400, "row 2 is wrong"),
        (Loading("it loads"), 503, "it loads"),
        (ModelFailed("it failed"), 500, "it failed"),
        (PlimsollError("a path of ours"), 500, PRIVATE),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence(error: PlimsollError, status: int, sentence: str) -> None:
    reply = error_reply(error)
    assert (reply.status, orjson.loads(reply.content)) == (status, {"error": sentence})
    assert (b"content-type", b"application/json") in reply.headers


def test_a_reply_has_the_header_fields_of_its_error() -> None:
    overloaded = Overloaded("full")
    overloaded.retry_after_seconds = 3
    assert (b"retry-after", b"3") in error_reply(overloaded).headers
    assert (b"www-authenticate", b'Bearer realm="plimsoll"') in error_reply(Unauthorized("no key")).headers
    assert (b"connection", b"close") in error_reply(BodyTooLarge("long")).headers


def test_a_client_that_has_left_gets_nothing() -> None:
    assert error_reply(ClientGone("gone")) == Reply(499, [(b"content-length", b"0")], b"")
