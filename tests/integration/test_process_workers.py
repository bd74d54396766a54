"""Workers that end, cannot start or lose their master, and the files that they share."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}
COUNTED = 'plimsoll_requests_total{code="200",model="digits",protocol="v1",version="2"} '


@pytest.fixture
def two_workers(process: ServedProcess, tmp_path: Path) -> ServedProcess:
    """A server with two workers that both answer, and temporary files of its own."""
    (tmp_path / "temporary").mkdir()
    process.start("--workers", "2", TMPDIR=str(tmp_path / "temporary"))
    process.wait_until_workers_listen(2)
    return process


def metric_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "temporary").glob("plimsoll-*/metrics/*.db"))


def test_workers_stop_when_their_master_is_killed(two_workers: ServedProcess) -> None:
    workers = two_workers.workers()
    two_workers.signal(signal.SIGKILL)
    two_workers.exit_code()
    _, left = psutil.wait_procs(workers, timeout=60)
    assert left == []
    assert two_workers.log().count("the master process is gone") == 2


def test_counters_survive_workers_that_die_and_files_do_not_grow_in_number(
    two_workers: ServedProcess, tmp_path: Path
) -> None:
    url = two_workers.url
    for _ in range(20):
        assert httpx.post(url + "/v1/predict", json=ROW).status_code == 200
    two_workers.wait_for(lambda: COUNTED + "20.0" in httpx.get(url + "/metrics").text, "20 counted requests")
    files = metric_files(tmp_path)
    for worker in two_workers.workers():
        before = {each.pid for each in two_workers.workers()}
        worker.kill()
        two_workers.wait_for(lambda: {each.pid for each in two_workers.workers()} - before, "another worker")  # noqa: B023
    two_workers.wait_for_log(r"(?s)(is ready on cpu.*){4}")
    assert metric_files(tmp_path) == files
    two_workers.wait_for(lambda: COUNTED + "20.0" in httpx.get(url + "/metrics").text, "the same 20 requests")


@pytest.mark.parametrize("content", [b"", b"\x40\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\x7f"])
def test_a_broken_metric_file_is_left_out_and_said(two_workers: ServedProcess, tmp_path: Path, content: bytes) -> None:
    file = metric_files(tmp_path)[0].with_name("counter_99.db")
    file.write_bytes(content)
    reply = httpx.get(two_workers.url + "/metrics")
    assert reply.status_code == 200
    assert "plimsoll_build_info" in reply.text
    two_workers.wait_for_log("metrics file counter_99.db is broken")


def test_a_worker_that_cannot_start_leaves_the_others_alone_and_is_tried_again(
    two_workers: ServedProcess, tmp_path: Path
) -> None:
    workers = two_workers.workers()
    folder = metric_files(tmp_path)[0].parent
    folder.rename(folder.with_name("elsewhere"))
    workers[0].kill()
    two_workers.wait_for_log("this worker cannot start: metrics of workers cannot be kept")
    for _ in range(10):
        assert httpx.post(two_workers.url + "/v1/predict", json=ROW, timeout=30).status_code == 200
    folder.with_name("elsewhere").rename(folder)
    two_workers.wait_for_log(r"(?s)(is ready on cpu.*){3}")


def test_a_server_whose_workers_are_refused_says_why_and_ends(process: ServedProcess) -> None:
    process.start("--workers", "2", PLIMSOLL_DEVICE="cuda:99")
    assert process.exit_code() == 2
    assert "this worker cannot start" in process.log()
    assert "CUDA devices" in process.log()
    assert "Traceback" not in process.log()


def test_a_wrong_host_is_one_sentence_with_workers_too(process: ServedProcess) -> None:
    process.start("--workers", "2", PLIMSOLL_HOST="192.0.2.1", PLIMSOLL_ALLOW_ANONYMOUS="true")
    assert process.exit_code() == 2
    assert process.log().startswith("error: cannot listen on 192.0.2.1")
    assert "PLIMSOLL_HOST" in process.log()
