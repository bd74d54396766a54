"""One process: it listens, drains at a signal, and says at the start what has no effect."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from plimsoll.errors import OperatorError
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.listeners import listen, url_of
from plimsoll.server.side_servers import PROTOCOL_OPTIONS
from plimsoll.server.stop_signals import CLOSING_SECONDS, StopSignals
from plimsoll.server.uvicorn_server import (
    GracefulServer,
    connection_limits,
    http_protocol,
    new_application,
    serve_alone,
    stop_limit_seconds,
)
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.unit.eventually import eventually
from tests.unit.server.wire import Echo
from tests.unit.services import Service

PATIENCE_SECONDS = 60


class SignalsByHand(StopSignals):
    """Signals of which the first one is sent by the test."""

    begin: Callable[[], object] | None = None

    def on_first(self, begin: Callable[[], object]) -> None:
        """Keep what the first signal calls."""
        self.begin = begin


def graceful(service: Service, signals: StopSignals, **how: Any) -> GracefulServer:
    protocol = http_protocol(ConnectionLimits(), lambda _: None)
    config = uvicorn.Config(Echo(), http=protocol, lifespan="off", timeout_graceful_shutdown=1, **PROTOCOL_OPTIONS)
    return GracefulServer(config, service.lifecycle, signals, **how)


async def test_at_the_first_signal_it_goes_on_answering_while_it_is_unready_and_then_ends(
    make_tiny_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    make_tiny_bundle()
    service, signals = Service(Path.cwd(), wait=0.3), SignalsByHand(60, [signal.SIGTERM])
    caplog.set_level("INFO")
    server = graceful(service, signals)
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)
        serving = asyncio.create_task(server.serve([listener]))
        await eventually(lambda: signals.begin)
        assert f"listening on {url}" in caplog.text
        assert signals.begin is not None
        await asyncio.to_thread(signals.begin)  # from the thread that reads signals
        await eventually(lambda: "stopping: unready" in caplog.text)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(url, content="still here")).text == "still here"
        async with asyncio.timeout(PATIENCE_SECONDS):
            await serving
    assert "stopping: drained" in caplog.text
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("max_head_bytes", 2048, "head_bytes"),
        ("max_head_fields", 9, "head_fields"),
        ("max_request_line_bytes", 300, "request_line_bytes"),
        ("head_seconds", 1.5, "head_seconds"),
        ("body_progress_seconds", 1.5, "body_progress_seconds"),
        ("write_seconds", 1.5, "write_seconds"),
        ("keep_alive_seconds", 1.5, "keep_alive_seconds"),
        ("max_pipelined", 3, "pipelined"),
        ("max_connections", 7, "connections"),
        ("max_connections_per_address", 5, "connections_per_address"),
    ],
)
def test_each_setting_of_connections_is_in_force(name: str, value: float, field: str) -> None:
    limits = connection_limits(load_settings(**{name: value}))
    assert limits == ConnectionLimits(**{field: value})  # type: ignore[arg-type]  # the parameters fit


def test_each_server_counts_connections_of_its_own() -> None:
    first, second = (http_protocol(ConnectionLimits(), lambda _: None) for _ in range(2))
    assert first.keywords["connections"] is not second.keywords["connections"]


def test_after_a_signal_the_process_has_the_time_to_wait_to_drain_and_to_close() -> None:
    settings = load_settings(stop_wait_seconds=5, stop_drain_seconds=20)
    assert stop_limit_seconds(settings) == 25 + CLOSING_SECONDS


def test_an_application_has_an_admin_side_only_with_a_desired_state(make_tiny_bundle: MakeBundle) -> None:
    models = make_tiny_bundle().path.parents[1]
    assert new_application(load_settings(models_dir=models), None).admin_app is None
    desired = Path("desired.yaml")
    desired.write_text("models: []")
    assert new_application(load_settings(models_dir=models, desired_state=desired), None).admin_app is not None


def test_a_whole_process_ends_at_sigterm_with_the_code_of_its_models() -> None:
    """Without models it is never ready, and ends well: it has loaded nothing that failed."""
    Path("models").mkdir()
    code = (
        "from plimsoll.settings import load_settings, prepare_libraries\n"
        "from plimsoll.server.uvicorn_server import serve_alone\n"
        "prepare_libraries()\n"
        "serve_alone(load_settings(port=0, metrics_port=0, log_format='json'))\n"
    )
    environment = {**os.environ, "PLIMSOLL_MAX_BODY_BYTS": "5"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stderr is not None
            log = b""
            for line in process.stderr:
                log += line
                if b"listening on" in line:
                    break
            process.send_signal(signal.SIGTERM)
            _, rest = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0
    assert b"did you mean PLIMSOLL_MAX_BODY_BYTES?" in log
    assert b"stopping: drained" in rest


def test_a_port_that_is_taken_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StopSignals, "listen", lambda _: None)  # the signals of this process are pytest's
    monkeypatch.setattr("plimsoll.server.uvicorn_server.begin_process", lambda _: None)  # and its log
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OperatorError, match="PLIMSOLL_METRICS_PORT"):
            serve_alone(load_settings(port=0, metrics_port=taken.getsockname()[1]))
