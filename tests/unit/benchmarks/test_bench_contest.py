"""A peer that cannot take part is named with its reason, and the others go on."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from benchmarks.bench.contest import CLOSED, Contest, Plan
from benchmarks.bench.contestant import Contestant
from benchmarks.bench.contestants import CONTESTANTS
from benchmarks.bench.launches import Launch, Stand
from benchmarks.bench.tunings import DEFAULT
from benchmarks.bench.workloads import SMALL

WRONG = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"probabilities": [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def peer(name: str, program: str) -> Contestant:
    def launch(stand: Stand) -> Launch:
        return Launch([sys.executable, "-c", program, str(stand.ports[0])], stand.environment)

    return Contestant(name, "as it comes", 10, CONTESTANTS["mosec"].wires, launch=launch)


def test_a_peer_that_answers_wrongly_or_does_not_start_is_left_out_with_its_reason(tmp_path: Path) -> None:
    contest = Contest(SMALL, Plan(1, 1, (), lambda _: None, lambda _: None, (CLOSED,)), "plimsoll", tmp_path)
    with contextlib.ExitStack() as stack:
        contest.start(peer("wrong", WRONG), stack, DEFAULT)
        contest.start(peer("broken", "raise ValueError('no GPU in this machine')"), stack, DEFAULT)
    assert contest.result.servers == {}
    assert contest.result.left_out == {
        "wrong": "of 256 rows 256 were answered wrongly and 0 not at all",
        "broken": "ValueError: no GPU in this machine",
    }
