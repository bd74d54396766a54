"""Who takes part: the service, and each peer as its own documentation advises for two cores."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from plimsoll.access.keys import new_key

from benchmarks.bench import launches, results, tunings
from benchmarks.bench.environments import interpreter
from benchmarks.bench.launches import Launch, Stand
from benchmarks.bench.texts import FACTORY, VECTOR
from benchmarks.bench.wires import (
    BYTES,
    JSON,
    TOKENS,
    Row,
    Wire,
    json_wire,
    open_inference_bytes,
    open_inference_json,
    plain_bytes,
)
from benchmarks.bench.workloads import Workload
from benchmarks.client import Address
from benchmarks.peers.perceptron import COLUMNS
from benchmarks.peers.tuning import Tuning
from benchmarks.program import Program
from benchmarks.server import REPOSITORY, UNSAMPLED_TRACING, Server, compiled

OURS, UNPACKED, INTERPRETED = "plimsoll", "plimsoll-unpacked", "plimsoll-interpreted"
BEFORE, TUNED = "plimsoll-before", "plimsoll-tuned"
TOLERANCE, _TOLERANCE_OF_TUNED = 1e-4, 5e-3
_PORTS = 5


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
            _TOLERANCE_OF_TUNED,
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
    return json_wire("/v1/predict", _FEATURES, lambda document: document["predictions"][0]["probabilities"])


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
        "BENCH_WIRE": workload.wire,
        "BENCH_BATCH_ROWS": str(tuning.batch_rows),
        "BENCH_WAIT_MS": str(tuning.wait_ms),
    }
    launch = contestant.launch(Stand(python, folder, ports, environment, tuning))
    tokens = workload.wire == TOKENS
    some = np.ones(8, np.int64) if tokens else np.full(COLUMNS, 0.5, np.float32)
    probe = wire.body(Row(str(some.tolist()), some))
    url = f"http://{address.host}:{address.port}{wire.path}"
    return Running(_Peer(launch, folder, url, probe, wire.headers), lambda: address, wire, {})


_FEATURES = '{"features":%s}'
_PLAIN_JSON = json_wire("/predict", _FEATURES, lambda document: document["probabilities"])
_TOKENS = json_wire("/predict", _FEATURES, lambda document: document["embedding"])
_WORKERS = {"PLIMSOLL_WORKERS": "2"}
_INFER = "/v2/models/digits/infer"
CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(
            OURS,
            "2 workers of one thread each, as 2 pods of one CPU would be; key check, metrics and unsampled tracing on, "
            "all else as it comes",
            1000,
            role=results.OURS,
            settings=_WORKERS,
        ),
        Contestant(
            UNPACKED,
            "the same, but the weights of large layers stay in the order in which every peer keeps them",
            1000,
            role=results.VARIANT,
            settings=_WORKERS,
            module="benchmarks.unpacked",
            only=("B",),
        ),
        Contestant(
            INTERPRETED,
            "the same as Python runs its source, which is what a wheel has; images have it compiled",
            1000,
            role=results.VARIANT,
            settings={**_WORKERS, "PYTHONPATH": f"{REPOSITORY / 'service'}:{REPOSITORY}"},
            only=("A",),
        ),
        Contestant(
            "plain",
            "gunicorn with 2 uvicorn workers (uvloop, httptools), a `def` route of FastAPI over pydantic models; for "
            "bytes an `async def` route that takes the request",
            800,
            {JSON: _PLAIN_JSON, BYTES: plain_bytes("/bytes"), TOKENS: replace(_TOKENS, path="/embed")},
            ("fastapi==0.165.0", "gunicorn==27.0.1", "uvicorn[standard]==0.54.0", "uvicorn-worker==0.4.0"),
            launches.plain,
            batches=False,
        ),
        Contestant(
            "litserve",
            "workers_per_device 2 and so 2 API servers, fast_queue (ZeroMQ)",
            1800,
            {JSON: _PLAIN_JSON, TOKENS: _TOKENS},
            ("litserve==0.2.19", "pyzmq==27.3.0"),
            launches.litserve,
        ),
        Contestant(
            "mlserver",
            "custom runtime, adaptive batching, parallel_workers 0 (inference in the server's process, which was "
            "faster here than with 1 and 2), debug off, v2 protocol",
            700,
            {JSON: open_inference_json(_INFER, "features", COLUMNS)},
            ("mlserver==1.7.1",),
            launches.mlserver,
            waits=(1, 2, 5),
        ),
        Contestant(
            "bentoml",
            "adaptive batching (max_latency_ms 10 000; it decides itself how long it waits), 2 workers, access log "
            "off; a row goes as a list of one, as a batchable API takes it",
            1200,
            {JSON: json_wire("/predict", '{"features":[%s]}', lambda document: document[0]["probabilities"])},
            ("bentoml==1.4.39",),
            launches.bentoml,
            waits=(0,),
        ),
        Contestant(
            "mosec",
            "2 workers, JSON by orjson; for bytes the float32 numbers of a row and of its answer, without a head",
            900,
            {JSON: _PLAIN_JSON, BYTES: plain_bytes("/predict"), TOKENS: _TOKENS},
            ("mosec==0.9.8", "orjson==3.13.0"),
            launches.mosec,
        ),
        Contestant(
            "triton",
            "NVIDIA's package of Triton 2.51 for Python, 2 callables, dynamic batching, v2 protocol in JSON or with "
            "binary tensors over HTTP; the interpreter's libpython is loaded before the one in the package",
            1500,
            {
                JSON: open_inference_json(_INFER, "features", COLUMNS),
                BYTES: open_inference_bytes(_INFER, "features", COLUMNS),
            },
            ("nvidia-pytriton==0.7.0",),
            launches.triton,
        ),
        Contestant(
            "torchserve",
            "2 workers, async_logging, log level WARN (no access log); no longer maintained, so never the best peer",
            1800,
            {JSON: json_wire("/predictions/digits", _FEATURES, lambda document: document["probabilities"])},
            ("torchserve==0.12.0", "pyyaml", "requests", "setuptools"),
            launches.torchserve,
            role=results.DEAD,
            java=True,
        ),
    )
}


def before(checkout: Path) -> Contestant:
    """The service of another checkout, with which the cost of a request is compared by turns."""
    path = f"{compiled(checkout)}:{checkout / 'service'}:{REPOSITORY}"
    return Contestant(
        BEFORE, "the service of another commit, tuned the same", 1000, role=results.VARIANT,
        settings={**_WORKERS, "PYTHONPATH": path}, only=("A",),
    )  # fmt: skip


def tuned(bundle: Path) -> Contestant:
    """The service with another bundle of the heavy model, such as one of ONNX in int8."""
    about = f"the same with a tuned bundle; a number of an answer may differ from torch's by {_TOLERANCE_OF_TUNED:g}"
    return Contestant(TUNED, about, 1000, role=results.VARIANT, settings=_WORKERS, only=("B",), bundle=bundle)
