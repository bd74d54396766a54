"""A model of a running server, as commands ask it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from plimsoll.cli.answering import Refused
from plimsoll.cli.asking import open_client
from plimsoll.cli.served_model import ServedModel
from plimsoll.errors import OperatorError

GOLDEN = {
    "model": "m", "version": "2", "task": "t", "body": {"text": "a"}, "predictions": [{"class": "b"}],
    "absolute_tolerance": 0.1, "relative_tolerance": 0.2,
}  # fmt: skip
GONE = (404, {"error": {"code": "version_not_found", "message": "not here"}})
ANSWER = (200, {"model": "m", "version": "2", "predictions": [{"class": "b"}]})
MODELS = (200, {"models": [{"name": "m"}]})


def version(number: str) -> tuple[int, Any]:
    return 200, {"versions": [{"version": "1", "state": "failed"}, {"version": number, "state": "ready", "task": "t"}]}


@contextmanager
def scripted(*replies: tuple[int, Any]) -> Iterator[tuple[ServedModel, list[tuple[str, bytes]]]]:
    """A model of a server that gives these replies one after the other, and what it was asked."""
    left, received = list(replies), list[tuple[str, bytes]]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            received.append((self.path, body))
            status, document = left.pop(0)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815  # http.server's own names

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with open_client(f"http://127.0.0.1:{server.server_port}", 5) as client:
            yield ServedModel(client, None, None), received
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def test_the_golden_request_is_asked_of_the_version_that_showed_it() -> None:
    with scripted(MODELS, version("2"), (200, GOLDEN), ANSWER) as (model, received):
        golden, answer = model.golden()
    assert (golden.body, golden.tolerance) == ({"text": "a"}, (0.1, 0.2))
    assert golden.predictions == answer["predictions"]
    assert [path for path, _ in received] == [
        "/v1/models", "/v1/models/m", "/v1/models/m/versions/2/golden", "/v1/models/m/versions/2/predict",
    ]  # fmt: skip


def test_a_pod_of_another_version_makes_it_begin_again() -> None:
    with scripted(MODELS, version("2"), (200, GOLDEN), GONE, version("3"), (200, GOLDEN), ANSWER) as (model, received):
        model.golden()
    assert received[-1][0] == "/v1/models/m/versions/3/predict"
    with scripted(MODELS, *[version("2"), GONE] * 3) as (model, _), pytest.raises(Refused, match="not here"):
        model.golden()


def test_a_body_that_is_a_text_is_sent_as_it_stands() -> None:
    with scripted(ANSWER) as (model, received):
        model.predict('{"text":  "a"}')
    assert received == [("/v1/predict", b'{"text":  "a"}')]


def test_an_error_keeps_its_code_and_the_row() -> None:
    error = {"code": "invalid_input", "message": "no", "expected": "a", "given": "b", "index": 4}
    with scripted((422, {"error": error})) as (model, _), pytest.raises(Refused) as caught:
        model.predict({})
    assert (caught.value.code, caught.value.index) == ("invalid_input", 4)
    assert caught.value.sentence == "422 invalid_input: no; expected: a; given: b"


def test_the_facts_of_an_answer_are_those_of_its_version_or_none() -> None:
    answer = {"model": "m", "version": "2"}
    described = {"version": "2", "task": "t", "signature": {"outputs": [{"labels": ["a"]}]}, "options": {"top": 3}}
    with scripted((200, described), GONE) as (model, received):
        facts, unknown = model.facts_of(answer), model.facts_of(answer)
    assert (facts.task, facts.labels, facts.options) == ("t", ["a"], {"top": 3})
    assert (unknown.name, unknown.version, unknown.task) == ("m", "2", "")
    assert received[0][0] == "/v1/models/m/versions/2"


def test_a_pinned_model_asks_the_version_of_the_answer() -> None:
    with scripted(ANSWER) as (model, received):
        model.pinned(ANSWER[1]).predict({"text": "a"})
    assert received[0][0] == "/v1/models/m/versions/2/predict"


@pytest.mark.parametrize("reply", [{"versions": 5}, {"hello": "world"}, {"versions": [{}]}])
def test_another_server_is_told_apart(reply: Any) -> None:
    with scripted(MODELS, (200, reply)) as (model, _), pytest.raises(OperatorError, match="does not answer as"):
        model.facts("--image")
