"""Bundles whose factories exit, panic, leak or hang, beside a good one, in a real process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import MakeBundle
from tests.doubles.strange_factories import PRIVATE, with_factory
from tests.integration.served_process import ServedProcess

REPOSITORY = Path(__file__).parents[2]
FACTORIES = ("reads_arguments", "leaks", "panics", "interrupts", "hangs")
RAISED = {
    "exits": "SystemExit", "leaky": "FileNotFoundError", "panicking": "Panic", "interrupting": "KeyboardInterrupt",
}  # fmt: skip
ROW = {"features": [0.1, 0.2, 0.3, 0.4]}


@pytest.fixture
def server(make_tiny_bundle: MakeBundle) -> Iterator[ServedProcess]:
    """A server of all bundles that the test makes, not started yet."""
    served = ServedProcess(make_tiny_bundle(name="good").path.parents[1])
    yield served
    served.kill()


def start(server: ServedProcess, **environment: str) -> None:
    factories = ",".join(f"tests.doubles.strange_factories:{name}" for name in FACTORIES)
    server.start(PLIMSOLL_FACTORIES=factories, PYTHONPATH=str(REPOSITORY), **environment)


def test_whatever_a_factory_raises_its_version_fails_and_the_server_serves_the_others(
    server: ServedProcess, make_tiny_bundle: MakeBundle
) -> None:
    for name, factory in zip(RAISED, FACTORIES, strict=False):
        with_factory(make_tiny_bundle(name=name), factory)
    start(server)
    url = server.ready()
    assert httpx.post(f"{url}/v1/models/good/predict", json=ROW).status_code == 200
    for name, raised in RAISED.items():
        reply = httpx.post(f"{url}/v1/models/{name}/predict", json=ROW)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "failed")
        assert "retry-after" not in reply.headers
        (version,) = httpx.get(f"{url}/v1/models/{name}").json()["versions"]
        assert version["state"] == "failed"
        assert version["reason"].endswith(f"it raised {raised}; the server's log says more")
    metrics = httpx.get(f"{url}/metrics").text
    assert 'plimsoll_model_load_failures_total{check="weights",model="leaky",version="1"} 1.0' in metrics


def test_the_words_of_a_model_reach_the_log_and_no_route(server: ServedProcess, make_tiny_bundle: MakeBundle) -> None:
    with_factory(make_tiny_bundle(name="good", version="2"), "leaks")
    start(server, PLIMSOLL_READY_WHEN="all")
    server.wait_for_log("version 2 is not served")
    paths = ("/readyz", "/startupz", "/v1/health", "/v1/health/detailed", "/v1/models", "/v1/models/good")
    for reply in [httpx.get(server.url + path) for path in paths]:
        assert PRIVATE not in reply.text
    ready = httpx.get(server.url + "/readyz")
    assert ready.status_code == 503
    (reason,) = ready.json()["reasons"]
    assert reason == (
        "good 2: check 'weights' failed: 'tests.doubles.strange_factories:leaks' cannot be built with the parameters "
        "given: it raised FileNotFoundError; the server's log says more"
    )
    assert PRIVATE in server.log()


def test_a_load_that_hangs_fails_by_the_budget_and_a_signal_ends_the_server_at_once(
    server: ServedProcess, make_tiny_bundle: MakeBundle
) -> None:
    with_factory(make_tiny_bundle(name="hanging"), "hangs")
    start(server, PLIMSOLL_START_SECONDS="12")
    url = server.ready()
    assert httpx.post(f"{url}/v1/models/good/predict", json=ROW).status_code == 200
    (version,) = httpx.get(f"{url}/v1/models/hanging").json()["versions"]
    assert version["reason"] == (
        "check 'start-up' failed: it was still loading after 12 s (PLIMSOLL_START_SECONDS), and was left behind"
    )
    server.signal(signal.SIGTERM)
    assert server.exit_code() == 0


def test_a_signal_during_a_load_that_hangs_ends_the_server(server: ServedProcess, make_tiny_bundle: MakeBundle) -> None:
    with_factory(make_tiny_bundle(name="a-hanging"), "hangs")
    start(server)
    assert httpx.get(server.url + "/readyz").json()["reasons"] == ["a-hanging 1: loading", "good 1: loading"]
    server.signal(signal.SIGTERM)
    assert server.exit_code() == 0


def test_a_server_that_was_never_ready_says_why_in_its_last_line_and_ends_with_an_error(
    server: ServedProcess, make_tiny_bundle: MakeBundle
) -> None:
    with_factory(make_tiny_bundle(name="good", version="2"), "leaks")
    start(server, PLIMSOLL_STOP_WAIT_SECONDS="0")
    server.wait_for_log("version 2 is not served")
    server.signal(signal.SIGTERM)
    assert server.exit_code() == 1
    assert "this server ends without ever having been ready: good 2: check 'weights'" in server.log().splitlines()[-1]
