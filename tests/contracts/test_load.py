"""The load of the end-to-end tests: which bodies it sends, and how it counts what comes back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import load
from tests.e2e.cluster import eventually
from tests.e2e.load import Answer, Tally, rows_in

ROWS = [{"body": {"features": [number / 10]}, "expect": str(number)} for number in range(10)]
WRONG, FAILING = "3", "4"
"""The class that the double answers wrongly, and the one at which it fails."""


class Double(BaseHTTPRequestHandler):
    """Answers with the class of a body, but for the two above."""

    protocol_version = "HTTP/1.1"
    hosts: Counter[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = str(round(body["features"][0] * 10))
        self.hosts[self.headers["Host"]] += 1
        answer = {"predictions": [{"class": "0" if number == WRONG else number}]}
        content = json.dumps(answer).encode()
        self.send_response(500 if number == FAILING else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-plimsoll-version", "12")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def double() -> Iterator[ThreadingHTTPServer]:
    Double.hosts = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Double)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@contextmanager
def sending(server: ThreadingHTTPServer, bodies: Path, rows: Sequence[object] = ROWS) -> Iterator[dict[str, Any]]:
    """A load on the server during the block; afterwards its report."""
    bodies.write_text(json.dumps(rows))
    command = [
        sys.executable, str(load.__file__), "--host=127.0.0.1", f"--port={server.server_port}", "--rate=200",
        "--body=unused", "--expect=unused", f"--bodies={bodies}", "--authority=shop.test",
    ]  # fmt: skip
    report: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield report
        finally:
            process.send_signal(signal.SIGTERM)
        report.update(json.loads(process.communicate(timeout=60)[0]))


def asked(times: int) -> None:
    """Wait until the double was asked so often."""
    eventually(f"{times} requests", lambda: Double.hosts.total() >= times, timeout_seconds=60)


def test_many_bodies_are_drawn_and_each_is_held_against_its_own_class(
    double: ThreadingHTTPServer, tmp_path: Path
) -> None:
    with sending(double, tmp_path / "bodies.json") as report:
        asked(150)
    assert set(Double.hosts) == {"shop.test"}
    assert report["sent"] >= 150
    assert set(report["failures"]) == {"12 500", "12 class"}
    assert report["ok"] + sum(report["failures"].values()) == report["sent"]
    assert report["versions"] == {"12": report["ok"]}
    assert report["errors"][f"class 0 for {WRONG}"] == report["failures"]["12 class"]


def test_it_begins_once_the_server_listens(tmp_path: Path) -> None:
    Double.hosts = Counter()
    with ThreadingHTTPServer(("127.0.0.1", 0), Double, bind_and_activate=False) as server:
        server.server_bind()
        thread = threading.Thread(target=server.serve_forever)
        with sending(server, tmp_path / "bodies.json", ROWS[:3]) as report:
            time.sleep(1)  # it has been refused by then
            server.server_activate()
            thread.start()
            asked(20)
        server.shutdown()
        thread.join(10)
    assert (report["errors"], report["failed"]) == ({}, 0)
    assert report["sent"] >= 20


def test_it_ends_when_it_is_told_to_where_nothing_ever_listened(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Double, bind_and_activate=False) as server:
        server.server_bind()
        with sending(server, tmp_path / "bodies.json") as report:
            time.sleep(1)  # it waits for its signal by then
        assert (report["sent"], report["errors"]) == (0, {})


def test_a_file_of_bodies_has_the_class_of_each(tmp_path: Path) -> None:
    (tmp_path / "bodies.json").write_text(json.dumps(ROWS))
    rows = rows_in(tmp_path / "bodies.json")
    assert [row.expected for row in rows] == [str(number) for number in range(10)]
    assert json.loads(rows[7].body) == {"features": [0.7]}


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Answer(200, {"x-plimsoll-version": "2"}, b'{"predictions": [{"class": 7}]}'), None),
        (Answer(200, {"x-plimsoll-version": "2"}, b'{"predictions": [{"class": 1}]}'), "2 class"),
        (Answer(503, {}, b"no healthy upstream"), "none 503"),
    ],
    ids=["right", "another class", "of the Gateway"],
)
def test_a_failure_is_counted_by_version_and_kind(answer: Answer, failure: str | None) -> None:
    tally = Tally()
    tally.answered(answer, "7")
    assert list(tally.failures) == ([failure] if failure else [])
    assert tally.ok == (failure is None)
