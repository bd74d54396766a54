"""Refusals: no key, too many requests, a server that stops. The exception of each client prints our sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.clients.client_process import REPOSITORY, ClientProcess, ClientRaised
from tests.clients.served import Served
from tests.clients.test_mlserver_infer import mlserver_infer
from tests.doubles.half_sent_requests import HalfSent, wait_until_in_flight
from tests.integration.served_process import ServedProcess

KEY = {"x-api-key": "right"}
OVER_HTTP = ("http", "http.aio", "kserve v1", "kserve v2", "mlserver")
OVER_GRPC = ("grpc", "grpc.aio", "kserve grpc")
SENTENCES = {
    "no key": "this server asks for an API key",
    "overloaded": "bytes are in flight",
    "draining": "this server is stopping",
}
Ask = Callable[[str, dict[str, str]], str]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServedProcess]:
    """A server with a key, which has room for the bytes of one digit."""
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"keys: [{{label: shop, sha256: {hashlib.sha256(b'right').hexdigest()}, scopes: [predict]}}]")
    process = ServedProcess(models=REPOSITORY / "models")
    patient = {"PLIMSOLL_BODY_PROGRESS_SECONDS": "60", "PLIMSOLL_STOP_DRAIN_SECONDS": "60"}
    process.start(PLIMSOLL_KEYS_FILE=str(keys), PLIMSOLL_QUEUE_BYTES="6000", PLIMSOLL_GRPC_PORT="0", **patient)
    process.ready()
    yield process
    process.kill()


@pytest.fixture
def ask(process: ServedProcess, triton: ClientProcess, kserve: ClientProcess, tmp_path: Path) -> Ask:
    """Asks for a digit by one of the clients, with these headers; returns what its exception prints."""
    served = Served(process.url, process)
    pixels = np.zeros((1, 784), np.float32)

    def outcome(client: str, headers: dict[str, str]) -> str:
        metadata = list(headers.items())
        inputs = [("pixels", "FP32", pixels, True)]
        try:
            match client:
                case "mlserver":
                    tensor = {"name": "pixels", "datatype": "FP32", "shape": [1, 784], "data": pixels[0].tolist()}
                    options = [f"-H{name}: {value}" for name, value in headers.items()]
                    answers = mlserver_infer(tmp_path, served.address, "digits", [{"inputs": [tensor]}], *options)
                    return str(answers[0].get("error", {}).get("msg", ""))
                case "kserve v1":
                    body = {"instances": pixels.tolist()}
                    kserve("rest", "v1", "infer", served.url, body, model_name="digits", headers=headers)
                case "kserve v2":
                    kserve("rest_infer", served.url, "digits", inputs, headers=dict(headers))
                case "kserve grpc":
                    kserve("grpc_infer", served.grpc, "digits", inputs, headers=metadata)
                case "grpc" | "grpc.aio":
                    triton("infer", client, served.grpc, "digits", [inputs[0][:3]], headers=dict(headers))
                case _:
                    triton("infer", client, served.address, "digits", inputs, headers=dict(headers))
        except ClientRaised as raised:
            return str(raised)
        return ""

    return outcome


def refused(ask: Ask, clients: tuple[str, ...], headers: dict[str, str], sentence: str) -> None:
    """Each of the clients prints the sentence."""
    printed = {client: ask(client, headers) for client in clients}
    assert {client: text for client, text in printed.items() if sentence not in text} == {}


def test_each_refusal_over_http_is_printed(process: ServedProcess, ask: Ask) -> None:
    answered = OVER_HTTP[:-1]  # each run of mlserver takes seconds
    assert {client: ask(client, KEY) for client in answered} == dict.fromkeys(answered, "")
    refused(ask, OVER_HTTP, {}, SENTENCES["no key"])
    inside = HalfSent(process.url, "X-API-Key: right", "X-Request-Timeout-Ms: 60000", sent=3000)
    wait_until_in_flight(process.url, 1, KEY)
    refused(ask, OVER_HTTP, KEY, SENTENCES["overloaded"])
    process.signal()
    process.wait_for_log("refusing new requests, 1 in flight")
    refused(ask, OVER_HTTP, KEY, SENTENCES["draining"])
    assert inside.finish().status == 200


def test_each_refusal_over_grpc_is_printed(process: ServedProcess, ask: Ask) -> None:
    assert {client: ask(client, KEY) for client in OVER_GRPC} == dict.fromkeys(OVER_GRPC, "")
    refused(ask, OVER_GRPC, {}, SENTENCES["no key"])
    inside = HalfSent(process.url, "X-API-Key: right", "X-Request-Timeout-Ms: 60000", sent=3000)
    wait_until_in_flight(process.url, 1, KEY)
    refused(ask, OVER_GRPC, KEY, SENTENCES["overloaded"])
    process.signal()
    process.wait_for_log("refusing new requests, 1 in flight")
    refused(ask, OVER_GRPC, KEY, "StatusCode.UNAVAILABLE")  # it takes no new connection of gRPC
    assert inside.finish().status == 200
