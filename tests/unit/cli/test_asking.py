"""Tests how commands send requests, and their errors when no Plimsoll server answers."""

from __future__ import annotations

import socket

import pytest
import typer
from plimsoll.cli.asking import ask, fail, open_client
from plimsoll.errors import OperatorError

from tests.doubles.servers import CannedServer


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def refused(sentence: str) -> pytest.RaisesExc[OperatorError]:
    return pytest.raises(OperatorError, match=sentence)


@pytest.mark.parametrize("status", [200, 422, 503])
def test_the_answer_is_given_whatever_its_status(status: int) -> None:
    canned = CannedServer(body=b'{"status": "here"}', status=status)
    with canned.running() as url, open_client(url, 5) as client:
        reply, said = ask(client, "POST", "/v1/predict", json={"features": [1]})
    assert (reply.status_code, said) == (status, {"status": "here"})
    assert canned.received == [("/v1/predict", b'{"features":[1]}')]


@pytest.mark.parametrize("body", [b"<html>a proxy</html>", b"", b"[1, 2]", b"null", b"5"])
def test_an_answer_that_is_not_a_json_object_is_an_error(body: bytes) -> None:
    sentence = "answers 502 and no JSON; is this a Plimsoll server"
    with CannedServer(body=body, status=502).running() as url, open_client(url, 5) as client, refused(sentence):
        ask(client, "GET", "/readyz")


def test_without_an_answer_the_error_names_the_command_that_serves(free_port: int) -> None:
    with open_client(f"http://127.0.0.1:{free_port}/team/", 5) as client, pytest.raises(OperatorError) as caught:
        ask(client, "GET", "/readyz")
    assert f"no answer from http://127.0.0.1:{free_port}/team/readyz: " in caught.value.message
    assert caught.value.message.endswith("is `plimsoll serve` running there?")


@pytest.mark.parametrize("url", ["http://[::1", "http://localhost:port", "http://\x00"])
def test_an_invalid_address_is_refused_with_an_example_of_a_valid_one(url: str) -> None:
    with pytest.raises(OperatorError, match=r"is not an address: .*; expected one as http://127.0.0.1:8000"):
        open_client(url, 5)


@pytest.mark.parametrize("body", [{"features": [float("inf")]}, {"text": "\ud800"}])
def test_what_cannot_be_written_as_json_is_not_sent(body: object) -> None:
    canned = CannedServer()
    with canned.running() as url, open_client(url, 5) as client, refused("cannot be asked for this"):
        ask(client, "POST", "/v1/predict", json=body)
    assert canned.received == []


def test_this_machine_is_asked_without_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with CannedServer().running() as url:
        for host in ("127.0.0.1", "localhost"):
            with open_client(url.replace("127.0.0.1", host), 5) as client:
                assert ask(client, "GET", "/")[1] == {}


def test_a_command_that_fails_ends_with_1_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        fail("it is not ready")
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err == "error: it is not ready\n"
