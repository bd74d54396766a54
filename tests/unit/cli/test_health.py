from __future__ import annotations

import json
import socket

import pytest
from plimsoll.application import Application
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.doubles.servers import CannedServer, served
from tests.unit.cli.conftest import RunPlimsoll


def test_a_server_that_takes_requests_is_exit_code_0(plimsoll: RunPlimsoll, make_tiny_bundle: MakeBundle) -> None:
    models = make_tiny_bundle().path.parents[1]
    with served(Application(load_settings(models_dir=models)).app) as url:
        ran = plimsoll("health", "--url", url)
    assert (ran.code, ran.out, ran.err) == (0, "ready\n", "")


def test_a_server_that_does_not_is_1_with_the_reasons(plimsoll: RunPlimsoll) -> None:
    body = json.dumps({"status": "failed", "reasons": ["tiny 1: it broke", "tiny 2: so did this"]}).encode()
    with CannedServer(status=503, body=body).running() as url:
        ran = plimsoll("health", "--url", url)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: the server is not ready (failed): tiny 1: it broke; tiny 2: so did this\n"


def test_it_asks_this_machine_at_the_port_of_the_settings(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CannedServer(body=b'{"status": "ready"}').running() as url:
        monkeypatch.setenv("PLIMSOLL_PORT", url.rpartition(":")[2])
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("PLIMSOLL_HOST", "0.0.0.0")  # noqa: S104  # as in the image
        assert plimsoll("health").code == 0
        assert plimsoll("health", "--url", f"{url}/").code == 0


def test_a_proxy_leads_to_other_machines(plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = CannedServer(body=b'{"status": "ready"}')
    with proxy.running() as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        assert plimsoll("health", "--url", "http://models.invalid:8000").code == 0
    assert [path for path, _ in proxy.received] == ["http://models.invalid:8000/readyz"]


@pytest.mark.parametrize(
    ("body", "sentence"), [(b"<html>", "answers 200 and no JSON"), (b"[1]", "answers 200 and no JSON")]
)
def test_what_is_no_plimsoll_server_is_said_to_be_none(plimsoll: RunPlimsoll, body: bytes, sentence: str) -> None:
    with CannedServer(body=body).running() as url:
        ran = plimsoll("health", "--url", url)
    assert ran.code == 1
    assert f"{url}/readyz {sentence}; is this a Plimsoll server?" in ran.complaint


def test_where_nobody_listens_it_says_so(plimsoll: RunPlimsoll) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ran = plimsoll("health", "--url", f"http://127.0.0.1:{port}")
    assert ran.code == 1
    assert f"no answer from http://127.0.0.1:{port}/readyz" in ran.complaint
    assert "is `plimsoll serve` running there?" in ran.complaint
