"""A server with models of every kind for the clients, and the processes in which the clients run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client_process import REPOSITORY, ClientProcess
from tests.clients.served import Served
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
    """A server of all these models in all their versions, over HTTP and gRPC."""
    versions = {folder.name: [each.name for each in folder.iterdir()] for folder in models.iterdir()}
    desired = models.with_name("desired-state.yaml")
    desired.write_text(
        json.dumps(
            {
                "models": [
                    {"name": name, "versions": [{"version": each} for each in sorted(found)]}
                    for name, found in versions.items()
                ]
            }
        )
    )
    process = ServedProcess(models=models)
    process.start(
        PYTHONPATH=str(REPOSITORY),
        PLIMSOLL_FACTORIES=",".join(FACTORIES),
        PLIMSOLL_DESIRED_STATE=str(desired),
        PLIMSOLL_GRPC_PORT="0",
    )
    yield Served(process.ready(), process)
    process.kill()
