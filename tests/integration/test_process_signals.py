"""Signals that come early, late, twice, and while something hangs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.doubles.troublesome_model import SLEEP, SPIN, make_hanging_bundle
from tests.integration.served_process import ServedProcess

PATIENCE_SECONDS = 60
AS_PID_1 = ["unshare", "--pid", "--fork", "--kill-child"]
CAN_BE_PID_1 = subprocess.run([*AS_PID_1, "true"], check=False, capture_output=True, timeout=60).returncode == 0


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[ServedProcess]:
    """A server of the model that hangs, not started yet."""
    served = ServedProcess(tmp_path / "models")
    yield served
    served.kill()


def ask_and_forget(url: str, number: float) -> None:
    """Send a request that is never answered, and return when it is in flight."""

    def ask() -> None:
        with suppress(httpx.HTTPError):
            httpx.post(f"{url}/v1/predict", json={"features": [number, 0.0]}, timeout=600)

    threading.Thread(target=ask, daemon=True).start()


@pytest.mark.skipif(not CAN_BE_PID_1, reason="this account may not make a process namespace")
@pytest.mark.parametrize("imported", ["typer", "plimsoll.settings", "plimsoll.application"])
def test_sigterm_while_it_imports_ends_process_1_too(imported: str, tmp_path: Path) -> None:
    # The module is where the import stops and says so; whoever waits for it to go on waits in vain.
    code = (
        "import sys, threading\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {imported!r}:\n"
        "            print('here', flush=True)\n"
        "            threading.Event().wait()\n"
        "sys.meta_path.insert(0, Stop())\n"
        "sys.argv = ['plimsoll', 'serve', '--port', '0']\n"
        "from plimsoll.cli import main\n"
        "main()\n"
    )
    command = [*AS_PID_1, sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            assert process.stdout is not None
            assert b"here" in process.stdout.readline()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            subprocess.run(["kill", "-TERM", *children], check=True, timeout=60)
            assert process.wait(PATIENCE_SECONDS) in (0, 128 + signal.SIGTERM)
        finally:
            process.kill()


def test_sigterm_while_a_model_loads_does_not_wait_for_it(hanging: ServedProcess, tmp_path: Path) -> None:
    hanging.start(**make_hanging_bundle(tmp_path / "models", wait_for=tmp_path / "never"))
    assert httpx.get(hanging.url + "/livez").status_code == 200
    hanging.signal()
    assert hanging.exit_code() == 0
    assert "stopping: drained" in hanging.log()


@pytest.mark.parametrize("number", [SLEEP, SPIN])
@pytest.mark.parametrize("inline_budget_ms", ["0", "1000"], ids=["on a thread", "on the event loop"])
def test_sigterm_ends_it_though_a_forward_hangs(
    hanging: ServedProcess, tmp_path: Path, number: float, inline_budget_ms: str
) -> None:
    hanging.start(
        PLIMSOLL_STOP_DRAIN_SECONDS="0.5",
        PLIMSOLL_INLINE_BUDGET_MS=inline_budget_ms,
        **make_hanging_bundle(tmp_path / "models"),
    )
    url = hanging.ready()
    ask_and_forget(url, number)
    if inline_budget_ms == "0":
        hanging.wait_for(lambda: "in_flight 1.0" in httpx.get(url + "/metrics").text, "a request in flight")
    else:
        hanging.wait_for(lambda: not answers(url), "an event loop that hangs")
    hanging.signal()
    assert hanging.exit_code() in (0, 1)


def answers(url: str) -> bool:
    """Whether the server answers a probe within a moment."""
    try:
        return httpx.get(url + "/livez", timeout=1).status_code == httpx.codes.OK
    except httpx.TimeoutException:
        return False


def test_a_second_signal_ends_it_though_a_forward_hangs(hanging: ServedProcess, tmp_path: Path) -> None:
    hanging.start(
        PLIMSOLL_STOP_WAIT_SECONDS="600",
        PLIMSOLL_INLINE_BUDGET_MS="1000",
        **make_hanging_bundle(tmp_path / "models"),
    )
    url = hanging.ready()
    ask_and_forget(url, SPIN)
    hanging.wait_for(lambda: not answers(url), "an event loop that hangs")
    hanging.signal()
    hanging.signal()
    hanging.signal(signal.SIGINT)  # two signals of one kind may come as one
    assert hanging.exit_code() == 0
    assert "stopping at once, without draining" in hanging.log()


def test_a_second_signal_hurries_workers_too(process: ServedProcess) -> None:
    process.start("--workers", "2", PLIMSOLL_STOP_WAIT_SECONDS="600")
    process.wait_until_workers_listen(2)
    process.signal()
    process.wait_for_log(r"(?s)(stopping: unready.*){2}")
    process.signal()
    assert process.exit_code() == 0


def test_workers_that_a_supervisor_signals_too_still_drain(process: ServedProcess) -> None:
    process.start("--workers", "2", PLIMSOLL_STOP_WAIT_SECONDS="1")
    process.wait_until_workers_listen(2)
    workers = process.workers()
    process.signal()
    for worker in workers:
        worker.terminate()
    assert process.exit_code() == 0
    assert process.log().count("stopping: drained") == 2


def test_the_lines_of_a_stop_carry_no_request_id(process: ServedProcess) -> None:
    process.start(PLIMSOLL_STOP_WAIT_SECONDS="1")
    url = process.ready()
    row = {"features": [0.0] * 784}
    stop = threading.Event()

    def ask() -> None:
        with suppress(httpx.HTTPError):
            while not stop.is_set():
                httpx.post(url + "/v1/predict", json=row, headers={"X-Request-Id": "a-client.1"})

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    process.wait_for_log(r"a-client\.1")
    process.signal()
    assert process.exit_code() == 0
    stop.set()
    for thread in threads:
        thread.join(60)
    stopping = [
        line for line in process.lines() if line["logger"] == "plimsoll.lifecycle" and "stop" in line["message"]
    ]
    assert len(stopping) == 3
    assert all("request_id" not in line for line in stopping)
