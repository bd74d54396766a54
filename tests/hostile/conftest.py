"""Two real servers for the whole run: one as it comes, one that waits for hardly any time and has few connections."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.slow_model import FACTORY, make_slow_bundle
from tests.hostile.served import Served
from tests.integration.served_process import ServedProcess

REPOSITORY = Path(__file__).parents[2]
_SLOW_MILLISECONDS = 100.0


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, and a model that takes 100 ms for whatever it is asked."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(REPOSITORY / "models" / "digits" / "2", folder / "digits" / "2")
    make_slow_bundle(folder, _SLOW_MILLISECONDS)
    return folder


@pytest.fixture(scope="session")
def served(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the limits that it comes with; every answer has its access line."""
    with _running(models, tmp_path_factory.mktemp("served"), PLIMSOLL_MAX_BATCH_ROWS="1") as server:
        yield server


@pytest.fixture(scope="session")
def impatient(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that waits for one second, whatever for, and has room for few connections."""
    seconds = {f"PLIMSOLL_{name}_SECONDS": "1" for name in ("HEAD", "BODY_PROGRESS", "WRITE", "KEEP_ALIVE")}
    limits = {"PLIMSOLL_MAX_CONNECTIONS": "24", "PLIMSOLL_MAX_CONNECTIONS_PER_ADDRESS": "16"}
    with _running(models, tmp_path_factory.mktemp("impatient"), **seconds, **limits) as server:
        yield server


@contextmanager
def _running(models: Path, folder: Path, **environment: str) -> Iterator[Served]:
    process = ServedProcess(models)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # so that no .env of the repository is read
        process.start(
            PYTHONPATH=str(REPOSITORY),
            PLIMSOLL_FACTORIES=FACTORY,
            PLIMSOLL_DEFAULT_MODEL="digits",
            PLIMSOLL_ACCESS_LOG_PER_SECOND="1000000",
            **environment,
        )
    try:
        process.ready()
        yield Served(process)
    finally:
        process.kill()
