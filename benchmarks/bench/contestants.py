"""Who takes part: the service, and each peer as its own documentation advises for two cores."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import launches, results
from benchmarks.bench.contestant import FEATURES, TOLERANCE_OF_TUNED, Contestant
from benchmarks.bench.tuned_heavy import TUNED_HEAVY
from benchmarks.bench.wires import (
    BYTES,
    JSON,
    PICTURE,
    TEXT,
    TOKENS,
    json_wire,
    open_inference_bytes,
    open_inference_json,
    picture_wire,
    plain_bytes,
)
from benchmarks.peers.perceptron import COLUMNS
from benchmarks.server import REPOSITORY, compiled

OURS, UNPACKED, INTERPRETED = "plimsoll", "plimsoll-unpacked", "plimsoll-interpreted"
BEFORE, TUNED = "plimsoll-before", "plimsoll-tuned"
_PLAIN_JSON = json_wire("/predict", FEATURES, lambda document: document["probabilities"])
_TOKENS = json_wire("/predict", FEATURES, lambda document: document["embedding"])
_WORKERS = {"PLIMSOLL_WORKERS": "2"}
_LIST = '{"features":[%s]}'
_TEXT = json_wire("/predict", FEATURES, lambda document: document["outputs"])
_PICTURE = picture_wire("/predict", "features", lambda document: document["outputs"])
_TASKS = ("onnxruntime==1.32.0", "tokenizers==0.23.3", "pillow==13.0.0")
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
            {JSON: _PLAIN_JSON, TOKENS: _TOKENS, TEXT: _TEXT, PICTURE: _PICTURE},
            ("litserve==0.2.19", "pyzmq==27.3.0", "python-multipart==0.0.34", *_TASKS),
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
            {
                JSON: json_wire("/predict", _LIST, lambda document: document[0]["probabilities"]),
                TEXT: json_wire("/predict", _LIST, lambda document: document[0]["outputs"]),
                PICTURE: replace(_PICTURE, read=lambda text: json.loads(text)[0]["outputs"]),
            },
            ("bentoml==1.4.39", *_TASKS),
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
            {JSON: json_wire("/predictions/digits", FEATURES, lambda document: document["probabilities"])},
            ("torchserve==0.12.0", "pyyaml", "requests", "setuptools"),
            launches.torchserve,
            role=results.DEAD,
            java=True,
        ),
    )
}


def before(checkout: Path) -> Contestant:
    """The service of another checkout, with which the cost of a request is compared by turns."""
    place = checkout / "service"
    path, module = f"{compiled(checkout)}:{place}", "plimsoll"
    if not (place / module).is_dir():  # before d756549 the package was `service`, at the top of the checkout
        path, module = str(checkout), "service"
    return Contestant(
        BEFORE, "the service of another commit, tuned the same", 1000, role=results.VARIANT,
        settings={**_WORKERS, "PYTHONPATH": f"{path}:{REPOSITORY}"}, only=("A",), module=module,
    )  # fmt: skip


def tuned() -> Contestant:
    """The service with the heavy model as `plimsoll bundle tune` makes it."""
    about = (
        f"a tuned bundle; numbers may differ from torch's by {TOLERANCE_OF_TUNED:g}, classes if as near to each other"
    )
    return Contestant(TUNED, about, 1000, role=results.VARIANT, settings=_WORKERS, only=("B",), bundle=TUNED_HEAVY)
