"""Tests the answer to bytes that are not a valid request."""

from __future__ import annotations

import email
import json

import pytest
from plimsoll.errors import ClientError, HeadTooLarge, MalformedRequest, RequestLineTooLong
from plimsoll.server.refusal import refusal

DATE = b"date: Wed, 01 May 2024 00:00:00 GMT\r\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MalformedRequest("it is malformed", expected="HTTP/1.1"), b"HTTP/1.1 400 Bad Request"),
        (RequestLineTooLong("it is too long", expected="8192 bytes"), b"HTTP/1.1 414 "),
        (HeadTooLarge("it is too large", expected="100 fields"), b"HTTP/1.1 431 Request Header Fields Too Large"),
    ],
)
def test_a_refusal_is_a_whole_answer_with_the_error_as_json(error: ClientError, line: bytes) -> None:
    head, _, body = refusal(error, DATE).partition(b"\r\n\r\n")
    status_line, _, fields = head.partition(b"\r\n")
    assert status_line.startswith(line)
    named = email.message_from_bytes(fields)
    assert (named["connection"], named["date"]) == ("close", "Wed, 01 May 2024 00:00:00 GMT")
    assert int(named["content-length"]) == len(body)
    detail = json.loads(body)["error"]
    assert (detail["message"], detail["expected"]) == (error.message, error.expected)
    assert detail["request_id"] == named["x-request-id"]


def test_each_refusal_has_an_id_of_its_own() -> None:
    assert len({refusal(MalformedRequest("no"), DATE) for _ in range(20)}) == 20


def test_below_v2_it_has_the_form_of_the_open_inference_protocol() -> None:
    body = refusal(MalformedRequest("it is malformed"), DATE, "/v2/models/a/infer").partition(b"\r\n\r\n")[2]
    assert json.loads(body) == {"error": "it is malformed"}
