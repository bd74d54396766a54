"""One server of the bench: what it needs, how it is made ready, and how it is asked."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from plimsoll.access.keys import new_key

from benchmarks.bench import results, tunings
from benchmarks.bench.environments import interpreter
from benchmarks.bench.launches import Launch, Stand
from benchmarks.bench.task_rows import probe
from benchmarks.bench.texts import FACTORY, VECTOR
from benchmarks.bench.wires import (
    BYTES,
    PICTURE,
    TEXT,
    TOKENS,
    Row,
    Wire,
    json_wire,
    open_inference_bytes,
    picture_wire,
)
from benchmarks.bench.workloads import EMBEDDINGS, Workload
from benchmarks.client import Address
from benchmarks.peers.perceptron import COLUMNS
from benchmarks.peers.tuning import Tuning
from benchmarks.program import Program
from benchmarks.server import REPOSITORY, UNSAMPLED_TRACING, Server

TOLERANCE, TOLERANCE_OF_TUNED = 1e-4, 5e-2
"""Of a number of an answer, to torch's. A tuned bundle may differ by more, and must answer the class of torch, or one
that torch gives nearly as much."""
_PORTS = 5
FEATURES = '{"features":%s}'


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has been made ready to start, and how it is asked; `headers` go with those of the wire.

    A number of an answer may differ from torch's by `tolerance`.
    """

    program: Program
    address: Callable[[], Address]
    wire: Wire
    headers: Mapping[str, str]
    tolerance: float = TOLERANCE


@dataclass(frozen=True, slots=True)
class Contestant:
    """One server.

    `requirements` are what its environment holds, `mebibytes` is what it takes with the heavy model, `waits` are the
    milliseconds for which its batches can be told to wait, `batches` is whether the size of one can be set.
    `bundle` is served in place of the workload's own.
    """

    name: str
    tuned: str
    mebibytes: int
    wires: Mapping[str, Wire] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    launch: Callable[[Stand], Launch] | None = None
    role: str = results.PEER
    batches: bool = True
    waits: tuple[int, ...] = tunings.WAITS
    java: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    module: str = "plimsoll"
    only: tuple[str, ...] = ()
    bundle: Path | None = None

    def takes_part(self, workload: Workload) -> bool:
        """Whether it is measured on a workload: it is asked as the workload wants, and not held back from it."""
        if self.only and workload.key not in self.only:
            return False
        return self.launch is None or workload.wire in self.wires


class _Peer(Program):
    """A peer's process; it is ready once it answers a row."""

    def __init__(self, launch: Launch, folder: Path, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(launch.command, folder, launch.environment)
        self._request = urllib.request.Request(  # noqa: S310  # http on loopback
            url, data=body, headers={"Content-Type": "application/json", **headers}
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


def made(contestant: Contestant, workload: Workload, folder: Path, tuning: Tuning = tunings.DEFAULT) -> Running:
    """The server on a workload, ready to be started; only a peer heeds the tuning."""
    return (
        _ours(contestant, workload, folder)
        if contestant.launch is None
        else _peer(contestant, workload, folder, tuning)
    )


def _ours(contestant: Contestant, workload: Workload, folder: Path) -> Running:
    """With every safety on: an API key is checked, metrics are counted, tracing is installed and samples nothing."""
    key, sha256 = new_key()
    keys = folder / "keys.yaml"
    keys.write_text(f"keys: [{{label: bench, sha256: {sha256}, scopes: [predict]}}]", encoding="utf-8")
    environment = {
        **contestant.settings,
        "PLIMSOLL_FACTORIES": FACTORY,
        "PLIMSOLL_START_SECONDS": "600",
        "PLIMSOLL_KEYS_FILE": str(keys),
        **UNSAMPLED_TRACING,
    }
    tolerance = TOLERANCE
    if (bundle := contestant.bundle) is not None:
        workload, tolerance = (
            replace(workload, models=bundle.parents[1], name=bundle.parent.name, version=bundle.name),
            TOLERANCE_OF_TUNED,
        )
    server = Server(workload.models, folder, environment, workload.desired, contestant.module)
    authorization = {"Authorization": f"Bearer {key}"}
    return Running(server, lambda: server.address, _wire_of_ours(workload), authorization, tolerance)


def _wire_of_ours(workload: Workload) -> Wire:
    if workload.wire == BYTES:
        return open_inference_bytes(f"/v2/models/{workload.name}/infer", workload.tensor, COLUMNS)
    if workload.wire == TOKENS:
        body = '{"inputs":{"input_ids":%s}}'
        return json_wire("/v1/predict", body, lambda document: document["predictions"][0]["outputs"][VECTOR])
    if workload.wire == PICTURE:
        return picture_wire("/v1/predict", "picture", lambda document: document["predictions"][0]["probabilities"])
    if workload.wire == TEXT:
        name = "embedding" if workload is EMBEDDINGS else "probabilities"
        return json_wire("/v1/predict", '{"text":%s}', lambda document: document["predictions"][0][name])
    return json_wire("/v1/predict", FEATURES, lambda document: document["predictions"][0]["probabilities"])


def _peer(contestant: Contestant, workload: Workload, folder: Path, tuning: Tuning) -> Running:
    assert contestant.launch is not None  # noqa: S101  # every peer has one
    python, wire = interpreter(contestant.name), contestant.wires[workload.wire]
    address = Address("127.0.0.1", (ports := free_ports(_PORTS))[0])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PLIMSOLL_"))}
    environment = inherited | {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(folder),
        "BENCH_WEIGHTS": str(workload.weights),
        "BENCH_BUNDLE": str(workload.bundle),
        "BENCH_WIRE": workload.wire,
        "BENCH_BATCH_ROWS": str(tuning.batch_rows),
        "BENCH_WAIT_MS": str(tuning.wait_ms),
    }
    launch = contestant.launch(Stand(python, folder, ports, environment, tuning))
    url = f"http://{address.host}:{address.port}{wire.path}"
    return Running(_Peer(launch, folder, url, wire.body(_probe(workload)), wire.headers), lambda: address, wire, {})


def _probe(workload: Workload) -> Row:
    if workload.wire in (TEXT, PICTURE):
        return probe(workload.wire)
    some = np.ones(8, np.int64) if workload.wire == TOKENS else np.full(COLUMNS, 0.5, np.float32)
    return Row(str(some.tolist()), some)
