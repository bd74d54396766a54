"""Several processes that share a port, counters and a folder."""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from plimsoll.errors import OperatorError
from plimsoll.server.gunicorn_server import serve_with_workers
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.integration.served_process import ServedProcess

ROW = {"features": [0.1, 0.2, 0.3, 0.4]}


@pytest.fixture
def workers(make_tiny_bundle: MakeBundle, tmp_path: Path) -> Iterator[ServedProcess]:
    """A server of the tiny model with two workers that both answer, and temporary files of its own."""
    (tmp_path / "temporary").mkdir()
    served = ServedProcess(make_tiny_bundle().path.parents[1])
    served.start("--workers", "2", TMPDIR=str(tmp_path / "temporary"))
    served.wait_for_log(r"(?s)(is ready on cpu.*){2}")
    yield served
    served.kill()


def test_workers_share_a_port_count_together_and_leave_nothing_behind(workers: ServedProcess, tmp_path: Path) -> None:
    url = workers.ready()
    for _ in range(10):
        assert httpx.post(f"{url}/v1/predict", json=ROW, trust_env=False).status_code == 200
    counted = r'plimsoll_requests_total\{code="200",[^}]*\} 10\.0'
    workers.wait_for(lambda: re.search(counted, httpx.get(f"{url}/metrics", trust_env=False).text), "10 requests")
    (folder,) = (tmp_path / "temporary").glob("plimsoll-*")
    assert sorted(each.name for each in folder.iterdir()) == ["metrics", "workers"]
    workers.signal()
    assert workers.exit_code() == 0
    assert not folder.exists()
    assert workers.log().count("stopping: drained") == 2
    assert "listening on" in workers.log()
    assert "with 2 workers" in workers.log()


def test_a_taken_port_starts_no_worker() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OperatorError, match="choose another by PLIMSOLL_PORT"):
            serve_with_workers(load_settings(workers=2, port=taken.getsockname()[1]))


def test_without_room_for_temporary_files_it_says_which_variable_names_another_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OperatorError, match="No such file or directory; name one that can be written by TMPDIR"):
        serve_with_workers(load_settings(workers=2, port=0))
