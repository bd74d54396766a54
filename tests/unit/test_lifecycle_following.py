"""A server follows its desired state for as long as it lives."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from plimsoll.api.serving_state import Phase
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state_source import DesiredStateSource
from plimsoll.control.version_registry import VersionState

from tests.conftest import MakeBundle
from tests.unit.control.serving import ScriptedLoader
from tests.unit.eventually import eventually
from tests.unit.services import Service, desire, put, until

READY, FAILED = VersionState.READY, VersionState.FAILED


@pytest.fixture
def file(make_tiny_bundle: MakeBundle, tmp_path: Path) -> Path:
    """A desired state of version 1; the shelf has 1 and 2."""
    for version in ("1", "2"):
        make_tiny_bundle(version=version, seed=int(version))
    made = tmp_path / "desired.yaml"
    desire(made, '"1"')
    return made


@asynccontextmanager
async def following(file: Path) -> AsyncIterator[Service]:
    """A server that follows the file, once it has settled."""
    source = DesiredStateSource(file, Shelf(file.parent / "models"))
    service = await Service(file.parent, source).started()
    try:
        yield service
    finally:
        await service.lifecycle.close()
        assert all(service.lanes_let_go)


async def test_a_server_follows_its_file_from_version_to_version_and_answers_all_the_while(file: Path) -> None:
    async with following(file) as service:
        assert service.states == {"1": READY}
        stop = asyncio.Event()
        answered: set[str] = set()

        async def client() -> None:
            while not stop.is_set():
                answered.add((await service.ask())[0])
                await asyncio.sleep(0.001)

        clients = [asyncio.create_task(client()) for _ in range(4)]
        await until(lambda: desire(file, '"1"', '"2"'), lambda: service.states == {"1": READY, "2": READY})
        await until(lambda: desire(file, '"2"'), lambda: service.states == {"2": READY})
        await until(lambda: desire(file, '"1"'), lambda: service.states == {"1": READY})
        stop.set()
        await asyncio.gather(*clients)
        assert answered == {"1", "2"}
        assert service.state.phase is Phase.SERVING
        assert service.watcher.heard == ["ready 1", "ready 2", "gone 1", "ready 1", "gone 2"]


async def test_a_change_of_weights_alone_loads_nothing(file: Path) -> None:
    async with following(file) as service:
        await until(
            lambda: desire(file, '"1", weight: 100', '"2", weight: 0'), lambda: service.states.get("2") is READY
        )
        assert {(await service.ask())[0] for _ in range(20)} == {"1"}
        await until(
            lambda: desire(file, '"1", weight: 0', '"2", weight: 100'),
            lambda: service.registry.weight("tiny", "2") == 100,
        )
        assert {(await service.ask())[0] for _ in range(20)} == {"2"}
        assert len(service.lanes) == 2


async def test_a_generation_loads_the_bundle_anew(file: Path, make_tiny_bundle: MakeBundle) -> None:
    async with following(file) as service:
        before = (await service.ask())[1]
        shutil.rmtree(file.parent / "models" / "tiny" / "1")
        make_tiny_bundle(seed=9)
        await until(lambda: desire(file, '"1", generation: 1'), lambda: service.watcher.heard[1:] != [])
        await eventually(lambda: service.watcher.heard == ["ready 1", "gone 1", "ready 1"])
        assert not np.array_equal((await service.ask())[1], before)


async def test_a_file_that_breaks_leaves_everything_serving_says_why_and_recovers(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with following(file) as service:
        await until(lambda: put(file, "models: ["), lambda: service.registry.desired_error)
        assert "is not YAML" in (service.registry.desired_error or "")
        assert "the desired state is left as it was: the desired state " in caplog.text
        assert service.states == {"1": READY}
        assert (await service.ask())[0] == "1"
        await until(lambda: desire(file, '"1"'), lambda: service.registry.desired_error is None)
        assert len(service.lanes) == 1
        await until(lambda: desire(file, '"2"'), lambda: service.states == {"2": READY})


async def test_a_wrong_file_at_the_start_serves_nothing_says_why_and_serves_once_it_is_mended(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desire(file, "newest")
    async with following(file) as service:
        assert service.state.phase is Phase.STARTING
        assert service.registry.statuses() == []
        assert "models.0.versions.0.version" in (service.registry.desired_error or "")
        assert "models.0.versions.0.version" in caplog.text
        await until(lambda: desire(file, '"1"'), lambda: service.state.phase is Phase.SERVING)
        assert (service.states, service.registry.desired_error) == ({"1": READY}, None)


async def test_a_version_that_is_desired_and_not_there_is_named_and_taken_once_it_is_there(
    file: Path, make_tiny_bundle: MakeBundle
) -> None:
    desire(file, '"1"', '"7"')
    async with following(file) as service:
        assert service.states == {"1": READY, "7": FAILED}
        assert "there is no bundle of tiny version 7" in service.reason("7")
        make_tiny_bundle(version="7")
        await until(lambda: desire(file, '"1"', '"7", generation: 1'), lambda: service.states["7"] is READY)


async def test_closing_ends_the_watch_at_once(file: Path) -> None:
    async with following(file) as service, asyncio.timeout(3):
        await service.lifecycle.close()


async def test_a_load_that_hangs_is_left_behind_as_soon_as_the_file_asks_for_something_else(file: Path) -> None:
    release = threading.Event()

    def hang(bundle: Bundle) -> None:
        assert bundle.manifest.version == "2" or release.wait(60)

    source = DesiredStateSource(file, Shelf(file.parent / "models"))
    service = Service(file.parent, source, ScriptedLoader(load=hang))
    service.lifecycle.start()
    await eventually(lambda: service.states == {"1": VersionState.LOADING})
    await until(lambda: desire(file, '"2"'), lambda: service.states == {"2": READY})
    await service.lifecycle.settled()
    assert service.state.phase is Phase.SERVING
    release.set()
    await service.lifecycle.close()


async def test_a_server_that_closes_does_not_wait_for_a_load_that_hangs(file: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang(_: Bundle) -> None:
        entered.set()
        release.wait(60)

    source = DesiredStateSource(file, Shelf(file.parent / "models"))
    service = Service(file.parent, source, ScriptedLoader(load=hang))
    service.lifecycle.start()
    await eventually(entered.is_set)
    async with asyncio.timeout(30):
        await service.lifecycle.close()
    release.set()
