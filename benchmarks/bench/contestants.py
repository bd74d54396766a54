"""Who takes part: the service, and each peer as its own documentation advises for two cores."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.access.keys import new_key

from benchmarks.bench import launches
from benchmarks.bench.environments import interpreter
from benchmarks.bench.launches import Launch, Stand
from benchmarks.bench.workloads import Workload
from benchmarks.client import Address
from benchmarks.program import Program
from benchmarks.server import REPOSITORY, UNSAMPLED_TRACING, Server

OURS = "plimsoll"
_PORTS = 5


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has been made ready to start, and how it is asked."""

    program: Program
    address: Callable[[], Address]
    path: str
    headers: Mapping[str, str]
    body: Callable[[str], bytes]
    probabilities: Callable[[Any], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One server. `requirements` are what its environment holds; `mebibytes` is what it takes with the heavy model."""

    name: str
    tuned: str
    mebibytes: int
    start: Callable[[Contestant, Workload, Path], Running]
    requirements: tuple[str, ...] = ()
    path: str = "/predict"
    launch: Callable[[Stand], Launch] | None = None
    body: Callable[[str], bytes] = field(default=lambda row: b'{"features":%s}' % row.encode())
    probabilities: Callable[[Any], Sequence[float]] = field(default=lambda document: document["probabilities"])
    java: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


class _Peer(Program):
    """A peer's process; it is ready once it answers a row."""

    def __init__(self, launch: Launch, folder: Path, url: str, body: bytes) -> None:
        super().__init__(launch.command, folder, launch.environment)
        self._request = urllib.request.Request(  # noqa: S310  # http on loopback
            url, data=body, headers={"Content-Type": "application/json"}
        )

    def ready(self) -> bool:
        """Whether a row is answered."""
        with urllib.request.urlopen(self._request, timeout=10):  # noqa: S310  # http on loopback
            return True


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)
    finally:
        for each in sockets:
            each.close()


def _start_ours(contestant: Contestant, workload: Workload, folder: Path) -> Running:
    """With every safety on: an API key is checked, metrics are counted, tracing is installed and samples nothing."""
    key, sha256 = new_key()
    keys = folder / "keys.yaml"
    keys.write_text(f"keys: [{{label: bench, sha256: {sha256}, scopes: [predict]}}]", encoding="utf-8")
    environment = {
        **contestant.settings,
        "PLIMSOLL_KEYS_FILE": str(keys),
        **UNSAMPLED_TRACING,
    }
    server = Server(workload.models, folder, environment, workload.desired)
    headers = {"Authorization": f"Bearer {key}"}
    return Running(server, lambda: server.address, contestant.path, headers, contestant.body, contestant.probabilities)


def _start_peer(contestant: Contestant, workload: Workload, folder: Path) -> Running:
    assert contestant.launch is not None  # noqa: S101  # every peer has one
    python = interpreter(contestant.name)
    address = Address("127.0.0.1", (ports := free_ports(_PORTS))[0])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PLIMSOLL_"))}
    environment = inherited | {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(folder),
        "BENCH_WEIGHTS": str(workload.weights),
    }
    launch = contestant.launch(Stand(python, folder, ports, environment))
    probe = contestant.body(json.dumps([0.5] * workload.sizes[0]))
    program = _Peer(launch, folder, f"http://{address.host}:{address.port}{contestant.path}", probe)
    return Running(program, lambda: address, contestant.path, {}, contestant.body, contestant.probabilities)


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(
            OURS,
            "2 workers of one thread each, as 2 pods of one CPU would be; key check, metrics and unsampled tracing on, "
            "all else as it comes",
            1000,
            _start_ours,
            path="/v1/predict",
            settings={"PLIMSOLL_WORKERS": "2"},
            probabilities=lambda document: document["predictions"][0]["probabilities"],
        ),
        Contestant(
            "plain",
            "gunicorn with 2 uvicorn workers (uvloop, httptools), a `def` route of FastAPI over pydantic models",
            800,
            _start_peer,
            ("fastapi==0.165.0", "gunicorn==27.0.1", "uvicorn[standard]==0.54.0", "uvicorn-worker==0.4.0"),
            launch=launches.plain,
        ),
        Contestant(
            "litserve",
            "max_batch_size 64, batch_timeout 2 ms, workers_per_device 2 and so 2 API servers, fast_queue (ZeroMQ)",
            1800,
            _start_peer,
            ("litserve==0.2.19", "pyzmq"),
            launch=launches.litserve,
        ),
        Contestant(
            "mlserver",
            "custom runtime, adaptive batching (max_batch_size 64, max_batch_time 1 ms), parallel_workers 0 "
            "(inference in the server's process, which was faster here than with 1 and 2), debug off, v2 protocol",
            700,
            _start_peer,
            ("mlserver==1.7.1",),
            path="/v2/models/digits/infer",
            launch=launches.mlserver,
            body=lambda row: (
                b'{"inputs":[{"name":"features","shape":[1,784],"datatype":"FP32","data":%s}]}' % row.encode()
            ),
            probabilities=lambda document: next(
                output["data"] for output in document["outputs"] if output["name"] == "probabilities"
            ),
        ),
        Contestant(
            "bentoml",
            "adaptive batching (batchable, max_batch_size 64, max_latency_ms 10 000), 2 workers, access log off; a row "
            "goes as a list of one, as a batchable API takes it",
            1200,
            _start_peer,
            ("bentoml==1.4.39",),
            launch=launches.bentoml,
            body=lambda row: b'{"features":[%s]}' % row.encode(),
            probabilities=lambda document: document[0]["probabilities"],
        ),
        Contestant(
            "torchserve",
            "batchSize 64, maxBatchDelay 2 ms, 2 workers, async_logging, log level WARN (no access log)",
            1800,
            _start_peer,
            ("torchserve==0.12.0", "pyyaml", "requests", "setuptools"),
            path="/predictions/digits",
            launch=launches.torchserve,
            java=True,
        ),
    )
}
