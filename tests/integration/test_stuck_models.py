"""A forward pass that does not return is seen, shown, and survived by everything else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from safetensors.torch import save

from tests.conftest import MakeBundle
from tests.doubles.hanging_model import HANGS, HangingModel
from tests.integration.served_process import ServedProcess

HANGING = {"features": [HANGS, 0.0, 0.0, 0.0]}
INNOCENT = {"features": [0.0, 0.1, 0.2, 0.3]}
PATIENCE_SECONDS = 60


class Hung:
    """A server of one model, whose forward pass hangs on a row until `release`."""

    def __init__(self, folder: Path, hold: Path) -> None:
        self.process = ServedProcess(folder)
        self._hold = hold
        self._asking: list[threading.Thread] = []

    def start(self, **environment: str) -> str:
        """The URL of the server, ready."""
        self.process.start(
            PLIMSOLL_FACTORIES="tests.doubles.hanging_model:HangingModel",
            PLIMSOLL_STUCK_SECONDS="0.5",
            PLIMSOLL_STOP_WAIT_SECONDS="0",
            PLIMSOLL_STOP_DRAIN_SECONDS="1",
            PYTHONPATH=str(Path(__file__).parents[2]),
            **environment,
        )
        return self.process.ready()

    def hang(self, url: str) -> None:
        """Ask for the row on which it hangs; nobody waits for the answer."""
        self._hold.touch()
        asking = threading.Thread(target=self._ask, args=(url,))
        asking.start()
        self._asking.append(asking)

    def release(self) -> None:
        """Let the forward pass return."""
        self._hold.unlink(missing_ok=True)

    def end(self) -> None:
        """End the server, and whoever still asks it."""
        self.release()
        self.process.kill()
        for asking in self._asking:
            asking.join(PATIENCE_SECONDS)

    def wait_for(self, url: str, path: str, code: int) -> httpx.Response:
        """The first reply of that path with that code."""

        def reply() -> httpx.Response | None:
            got = httpx.get(url + path, timeout=PATIENCE_SECONDS)
            return got if got.status_code == code else None

        return self.process.wait_for(reply, f"a {code} from {path}")

    @staticmethod
    def _ask(url: str) -> None:
        try:
            httpx.post(url + "/v1/predict", json=HANGING, timeout=PATIENCE_SECONDS)
        except httpx.HTTPError:
            return


@pytest.fixture
def hung(make_tiny_bundle: MakeBundle, tmp_path: Path) -> Iterator[Hung]:
    hold = tmp_path / "hold"
    bundle = make_tiny_bundle(
        architecture=None,
        factory="tests.doubles.hanging_model:HangingModel",
        parameters={"hold": str(hold)},
        weights=save(HangingModel("").state_dict()),
    )
    made = Hung(bundle.path.parents[1], hold)
    yield made
    made.end()


def test_a_stuck_version_is_shown_refused_and_fails_liveness_and_answers_again_once_it_returns(hung: Hung) -> None:
    url = hung.start(PLIMSOLL_INLINE_BUDGET_MS="0")
    hung.hang(url)
    assert hung.wait_for(url, "/readyz", 503).json()["reasons"] == ["tiny 1: stuck"]
    refused = httpx.post(url + "/v1/predict", json=INNOCENT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stuck")
    assert httpx.get(url + "/v1/models/tiny/versions/1").json()["state"] == "stuck"
    metrics = httpx.get(url + "/metrics").text
    assert 'plimsoll_model_state{model="tiny",state="stuck",version="1"} 1.0' in metrics
    assert hung.wait_for(url, "/livez", 503).json()["status"] == "stuck"
    hung.release()
    hung.wait_for(url, "/readyz", 200)
    assert httpx.get(url + "/livez").status_code == 200
    assert httpx.post(url + "/v1/predict", json=INNOCENT).status_code == 200
    hung.process.wait_for_log("model tiny version 1 is no longer stuck")


def test_a_forward_pass_that_hangs_on_the_event_loop_is_seen_too(hung: Hung) -> None:
    url = hung.start(PLIMSOLL_INLINE_BUDGET_MS="1000")
    hung.hang(url)
    hung.process.wait_for_log("model tiny version 1 is stuck")
    hung.release()
    hung.wait_for(url, "/readyz", 200)


def test_metrics_of_a_port_of_their_own_tell_of_a_forward_pass_that_hangs_on_the_event_loop(hung: Hung) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = hung.start(PLIMSOLL_INLINE_BUDGET_MS="1000", PLIMSOLL_METRICS_PORT=str(port))
    hung.hang(url)
    hung.process.wait_for_log("model tiny version 1 is stuck")
    scrapes = f"http://127.0.0.1:{port}/metrics"
    state = 'plimsoll_model_state{{model="tiny",state="{}",version="1"}} {}'
    told = httpx.get(scrapes).text
    assert state.format("stuck", "1.0") in told
    assert state.format("ready", "0.0") in told
    assert "plimsoll_requests_in_flight 1.0" in told
    hung.release()
    hung.wait_for(url, "/readyz", 200)
    assert state.format("ready", "1.0") in httpx.get(scrapes).text


def test_silent_connections_to_the_metrics_end_while_a_forward_pass_hangs_on_the_event_loop(
    hung: Hung, tmp_path: Path
) -> None:
    desired = tmp_path / "desired.yaml"
    desired.write_text('models: [{name: tiny, versions: [{version: "1"}]}]')
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(each.getsockname()[1]) for each in (one, other)]
    url = hung.start(
        PLIMSOLL_INLINE_BUDGET_MS="1000", PLIMSOLL_HEAD_SECONDS="1", PLIMSOLL_DESIRED_STATE=str(desired),
        PLIMSOLL_METRICS_PORT=ports[0], PLIMSOLL_ADMIN_PORT=ports[1],
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", int(ports[1]))):  # a silent one of the event loop that hangs
        hung.hang(url)
        hung.process.wait_for_log("model tiny version 1 is stuck")
        with socket.create_connection(("127.0.0.1", int(ports[0])), PATIENCE_SECONDS) as silent:
            assert silent.recv(100) == b"", "closed, as nothing was asked"


def test_a_server_obeys_sigterm_while_a_forward_pass_hangs(hung: Hung) -> None:
    url = hung.start(PLIMSOLL_INLINE_BUDGET_MS="0")
    hung.hang(url)
    hung.wait_for(url, "/readyz", 503)
    hung.process.signal()
    assert hung.process.exit_code() == 0
