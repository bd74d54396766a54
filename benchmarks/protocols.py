"""What a row costs by each protocol over HTTP: /v1 in JSON, the Open Inference Protocol in bytes and in JSON.

Run by `python -m benchmarks.protocols --transcript benchmarks/results/protocols.md`; needs `wrk` (apt install wrk). One
server answers all of them by turns, so that whatever else the machine does falls on all; each round has a new server.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.findings import Findings
from benchmarks.measures import in_turn
from benchmarks.pinned import CONNECTIONS, ROW_OF_V1, Ask, Pinned, Round, run_in_rounds, small_server

_WARM_SECONDS = 1.0
_LEAST_RATIO = 1.1
_V1, _BYTES, _JSON = "/v1 in JSON", "/v2 in bytes", "/v2 in JSON"
_PATH = "/v2/models/digits/infer"
_INPUT = "pixels"


def main() -> int:
    """Measure, show and write down."""
    return run_in_rounds("A row by each protocol", "protocols", __doc__ or "", _findings, rounds=9, seconds=3.0)


def _findings(rounds: int, seconds: float) -> Findings:
    findings = Findings(
        "a row by each protocol",
        f"digits 1, a perceptron, on one row of 784 numbers over {CONNECTIONS} kept connections; {rounds} rounds of "
        f"{seconds:g} s each, in turn; one core for the server, another for wrk",
    )
    with tempfile.TemporaryDirectory() as folder:
        measured = _measured(_asks(Path(folder)), rounds, seconds)
    every = [each for of_one in measured.values() for each in of_one]
    failures, requests = sum(each.load.failures for each in every), sum(each.load.requests for each in every)
    findings.none("answers that are not 200", failures, requests)
    for name in (_BYTES, _JSON):
        ratios = [v1.cpu_us / other.cpu_us for v1, other in zip(measured[_V1], measured[name], strict=True)]
        if name == _BYTES:
            findings.at_least(f"requests for the CPU of one of {_V1}, {name}", statistics.median(ratios), _LEAST_RATIO)
        findings.note(
            f"{name}: requests for the CPU of one of {_V1}, by rounds", ", ".join(f"{each:.2f}" for each in ratios)
        )
    for name, of_one in measured.items():
        costs = [each.cpu_us for each in of_one]
        findings.note(
            f"{name}: CPU per request", f"{statistics.median(costs):.0f} us ({min(costs):.0f} to {max(costs):.0f})"
        )
    return findings


def _measured(asks: dict[str, Ask], rounds: int, seconds: float) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {name: [] for name in asks}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder, small_server(Path(folder)) as server:
            pinned = Pinned(server)
            for ask in asks.values():
                pinned.load(_WARM_SECONDS, ask)
            for name in in_turn(list(asks), number):
                measured[name].append(pinned.round(seconds, asks[name]))
    return measured


def _asks(folder: Path) -> dict[str, Ask]:
    """The same row in each protocol, its bodies in the folder."""
    row = np.array(json.loads(ROW_OF_V1.body.read_bytes())["features"], np.float32)
    tensor = {"name": _INPUT, "datatype": "FP32", "shape": [1, row.size]}
    plain = folder / "row.json"
    plain.write_text(json.dumps({"inputs": [{**tensor, "data": row.astype(np.float64).round(6).tolist()}]}))
    described = {**tensor, "parameters": {"binary_data_size": row.nbytes}}
    head = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
    raw = folder / "row.bin"
    raw.write_bytes(head + row.tobytes())
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    return {_V1: ROW_OF_V1, _BYTES: Ask(_PATH, raw, headers), _JSON: Ask(_PATH, plain)}


if __name__ == "__main__":
    sys.exit(main())
