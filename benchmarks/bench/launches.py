"""How each peer is started: its command, its files and its variables."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.bench.wires import PICTURE, TEXT
from benchmarks.peers.tuning import Tuning

_PROGRAMS = Path(peers.__file__).parent
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Stand:
    """What a peer gets: an interpreter, a folder to work in, free ports, variables, and its tuning."""

    python: Path
    folder: Path
    ports: tuple[int, ...]
    environment: Mapping[str, str]
    tuning: Tuning

    def program(self, name: str) -> str:
        """A program of the peer's environment."""
        return str(self.python.with_name(name))


@dataclass(frozen=True, slots=True)
class Launch:
    """A command and its variables."""

    command: list[str]
    environment: Mapping[str, str]


def plain(stand: Stand) -> Launch:
    """Two workers of gunicorn."""
    command = [str(stand.python), "-m", "gunicorn", "--bind", f"127.0.0.1:{stand.ports[0]}"]
    command += ["--workers", str(_WORKERS), "--worker-class", "uvicorn_worker.UvicornWorker"]
    return Launch([*command, "--log-level", "warning", "benchmarks.peers.plain_app:app"], stand.environment)


def litserve(stand: Stand) -> Launch:
    """A server whose options are in its program."""
    command = [str(stand.python), "-m", "benchmarks.peers.litserve_server", str(stand.ports[0])]
    return Launch(command, stand.environment)


def mlserver(stand: Stand) -> Launch:
    """A folder with the settings of the server, and one with those of the model."""
    http, grpc, metrics = stand.ports[:3]
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": http,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": 0,
    }
    model = {
        "name": "digits",
        "implementation": "benchmarks.peers.mlserver_runtime.Digits",
        "max_batch_size": stand.tuning.batch_rows,
        "max_batch_time": stand.tuning.wait_ms / 1000,
    }
    (stand.folder / "digits").mkdir()
    (stand.folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (stand.folder / "digits" / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    return Launch([stand.program("mlserver"), "start", str(stand.folder)], stand.environment)


def bentoml(stand: Stand) -> Launch:
    """A service whose options are in its program; its store is the folder."""
    service = "tasks:Tasks" if stand.environment["BENCH_WIRE"] in (TEXT, PICTURE) else "service:Digits"
    command = [stand.program("bentoml"), "serve", f"benchmarks.peers.bentoml_{service}"]
    command += ["--host", "127.0.0.1", "--port", str(stand.ports[0])]
    own = {"BENTOML_HOME": str(stand.folder / "store"), "BENTOML_DO_NOT_TRACK": "True"}
    return Launch(command, {**stand.environment, **own})


def mosec(stand: Stand) -> Launch:
    """A server whose workers are in its program; `--wait` holds where its program asks for no wait at all."""
    command = [str(stand.python), "-m", "benchmarks.peers.mosec_server", "--address", "127.0.0.1"]
    command += ["--port", str(stand.ports[0]), "--timeout", "30000", "--log-level", "warning"]
    command += ["--path", str(stand.folder / "sockets"), "--wait", str(round(stand.tuning.wait_ms))]
    return Launch(command, stand.environment)


def triton(stand: Stand) -> Launch:
    """Triton and two Python processes, which it starts.

    It brings a libpython of its own, which need not fit the standard library of the interpreter: that of the
    interpreter goes first.
    """
    library = Path(sysconfig.get_config_var("LIBDIR")) / str(sysconfig.get_config_var("INSTSONAME"))
    own = {"LD_PRELOAD": str(library)} if library.suffix != ".a" and library.is_file() else {}
    command = [str(stand.python), "-m", "benchmarks.peers.triton_server", *map(str, stand.ports[:3])]
    return Launch(command, {**stand.environment, **own})


def torchserve(stand: Stand) -> Launch:
    """A model store that holds the handler, and files that say how to serve it and what to log."""
    store = stand.folder / "store" / "digits"
    (store / "MAR-INF").mkdir(parents=True)
    handler = "torchserve_handler.py"
    (store / handler).write_bytes((_PROGRAMS / handler).read_bytes())
    manifest = {
        "createdOn": "01/01/2026 00:00:00",
        "runtime": "python",
        "model": {"modelName": "digits", "handler": handler, "modelVersion": "1"},
        "archiverVersion": "0.12.0",
    }
    (store / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    model = {
        "defaultVersion": True,
        "marName": "digits",
        "minWorkers": _WORKERS,
        "maxWorkers": _WORKERS,
        "batchSize": stand.tuning.batch_rows,
        "maxBatchDelay": round(stand.tuning.wait_ms),
        "responseTimeout": 120,
    }
    inference, management, metrics, *grpc = stand.ports
    lines = [
        f"inference_address=http://127.0.0.1:{inference}",
        f"management_address=http://127.0.0.1:{management}",
        f"metrics_address=http://127.0.0.1:{metrics}",
        f"grpc_inference_port={grpc[0]}",
        f"grpc_management_port={grpc[1]}",
        "disable_token_authorization=true",
        "async_logging=true",
        "job_queue_size=1000",
        f"model_store={store.parent}",
        "load_models=digits",
        f"models={json.dumps({'digits': {'1': model}})}",
    ]
    (stand.folder / "config.properties").write_text("\n".join(lines), encoding="utf-8")
    logging = stand.folder / "log4j2.xml"
    logging.write_text(
        '<Configuration><Appenders><Console name="out"/></Appenders><Loggers>'
        '<Root level="warn"><AppenderRef ref="out"/></Root></Loggers></Configuration>',
        encoding="utf-8",
    )
    command = [stand.program("torchserve"), "--start", "--foreground", "--ncs"]
    command += ["--ts-config", "config.properties", "--model-store", str(store.parent), "--log-config", str(logging)]
    places = {"TEMP": str(stand.folder), "LOG_LOCATION": str(stand.folder), "METRICS_LOCATION": str(stand.folder)}
    return Launch(command, {**stand.environment, **places})
