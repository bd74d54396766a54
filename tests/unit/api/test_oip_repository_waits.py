"""How long a load and an unload wait: for every worker, and for nothing that another client has revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from plimsoll.api.admin import Admin, admin_application
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.oip_repository import Repository, RepositoryIndex
from plimsoll.api.serving_state import ServingState
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state_file import DesiredStateFile
from plimsoll.control.version_registry import VersionRegistry, own_state
from starlette.types import ASGIApp

from tests.conftest import MakeBundle
from tests.unit.eventually import eventually
from tests.unit.services import client_of

PATH = "/v2/repository/models/tiny/"
ONE = 'models: [{name: tiny, versions: [{version: "1"}]}]'


def repository(folder: Path, others_have: Callable[[str], bool], seconds: float) -> tuple[ASGIApp, DesiredStateFile]:
    """The admin port of a worker without a version, over a desired state that nobody applies."""
    file = folder / "desired.yaml"
    file.write_text(ONE)
    registry, shelf = VersionRegistry(), Shelf(folder / "models")
    catalog, writer = Catalog(registry, own_state, others_have), DesiredStateFile(file, shelf)
    loads = Repository(writer, registry, catalog, ServingState(), longest_seconds=seconds)
    index = RepositoryIndex(registry, catalog, shelf)
    return admin_application(Gate(None), Admin(writer), catalog, "1.2.3", loads, index), writer


@pytest.mark.parametrize("stays", [True, False])
async def test_an_unload_waits_until_no_worker_has_the_model(tmp_path: Path, stays: bool) -> None:
    looks = iter([True] * 3)
    app, _ = repository(tmp_path, lambda name: name == "tiny" and (stays or next(looks, False)), 0.3 if stays else 60)
    async with client_of(app) as client:
        reply = await client.post(PATH + "unload")
    assert reply.status_code == (504 if stays else 200)
    assert next(looks, None) is (True if stays else None), "it looked until nobody had it"
    if stays:
        assert reply.json()["error"].startswith("model 'tiny' still answers after 0.3 s")


async def test_a_load_that_another_client_revokes_ends_with_a_sentence(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    make_tiny_bundle()
    app, writer = repository(tmp_path, lambda _: False, 60)
    async with client_of(app) as client, asyncio.timeout(30):
        loading = asyncio.create_task(client.post(PATH + "load"))
        await eventually(lambda: "generation" in (tmp_path / "desired.yaml").read_text())
        writer.unload("tiny")
        reply = await loading
    assert (reply.status_code, reply.json()) == (
        404, {"error": "version 1 of model 'tiny' was unloaded by another client before it was loaded"},
    )  # fmt: skip
