"""A server with models of every kind for the clients, and the processes in which the clients run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client_process import REPOSITORY, ClientProcess
from tests.clients.served import SAYS_GRPC, Served
from tests.doubles.served_tensors import FACTORIES, make_all
from tests.integration.served_process import ServedProcess


@pytest.fixture(scope="session")
def triton() -> Iterator[ClientProcess]:
    """Calls tritonclient."""
    process = ClientProcess("triton")
    yield process
    process.close()


@pytest.fixture(scope="session")
def kserve() -> Iterator[ClientProcess]:
    """Calls the clients of kserve."""
    process = ClientProcess("kserve_clients")
    yield process
    process.close()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, and the bundles of `tests.doubles.served_tensors`."""
    folder = tmp_path_factory.mktemp("clients") / "models"
    shutil.copytree(REPOSITORY / "models", folder)
    make_all(folder)
    return folder


@pytest.fixture(scope="session")
def served(models: Path) -> Iterator[Served]:
    """A server of all these models, over HTTP and gRPC."""
    process = ServedProcess(models=models)
    process.start(PYTHONPATH=str(REPOSITORY), PLIMSOLL_FACTORIES=",".join(FACTORIES), PLIMSOLL_GRPC_PORT="0")
    url = process.ready()
    yield Served(url, process.wait_for_log(SAYS_GRPC)[1])
    process.kill()
