from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from service.api.serving_state import Phase, ServingState
from service.bundle.shelf import Shelf
from service.control.desired_state import DesiredState, highest_of_each, read_desired_state
from service.control.reconciler import Reconciler
from service.control.version_registry import VersionRegistry, VersionState
from service.inference.pipeline import Pipeline
from service.inference.ports import ServedVersion
from service.lifecycle import Lifecycle
from service.runtime.model_loader import ModelLoader
from tests.conftest import MakeBundle
from tests.doubles.models import SlowModel


class Service:
    """A lifecycle over the real bundles of a folder, with all that it moves."""

    def __init__(
        self,
        folder: Path,
        read_desired: Callable[[], DesiredState] | None = None,
        *,
        wait: float = 0.0,
        drain: float = 30.0,
    ) -> None:
        shelf = Shelf(folder / "models")
        loader = ModelLoader(torch.device("cpu"), trust_pt2=False, batch_sizes=[1, 2], inline_budget_seconds=1)
        self.state = ServingState()
        self.registry = VersionRegistry()
        self.pipeline = Pipeline(self.registry)
        self.lifecycle = Lifecycle(
            self.state,
            Reconciler(shelf, loader, self.registry, lambda _: None),
            self.pipeline,
            read_desired or (lambda: highest_of_each(shelf)),
            stop_wait_seconds=wait,
            stop_drain_seconds=drain,
        )

    async def started(self) -> Service:
        """Itself, once all that is desired is ready or has failed."""
        self.lifecycle.start()
        await self.lifecycle.loaded()
        return self


async def test_a_server_serves_once_every_version_is_ready(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    make_tiny_bundle(name="other")
    service = Service(tmp_path)
    assert service.state.phase is Phase.STARTING
    service.lifecycle.start()
    assert service.state.phase.value == "starting"
    await service.lifecycle.loaded()
    assert service.state.phase.value == "serving"
    assert service.registry.all_ready
    assert [(each.name, each.version) for each in service.registry.statuses()] == [("other", "1"), ("tiny", "2")]
    await service.lifecycle.close()


async def test_a_failed_version_does_not_keep_the_others_from_answering(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(name="good")
    bad = make_tiny_bundle(name="bad")
    (bad.path / "weights.safetensors").write_bytes(b"tampered")
    service = await Service(tmp_path).started()
    assert not service.registry.all_ready
    assert service.registry.status("bad", "1").state is VersionState.FAILED
    served = service.registry.select("good", None)
    answer = await service.pipeline.run(served, {"input": np.zeros((1, 4), np.float32)}, 1)
    assert answer.model == "good"
    await service.lifecycle.close()


async def test_a_server_without_a_model_starts_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = await Service(tmp_path).started()
    assert not service.registry.all_ready
    assert "there is nothing to serve" in caplog.text
    await service.lifecycle.stop()
    await service.lifecycle.close()


async def test_a_wrong_desired_state_serves_nothing_and_says_why(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_tiny_bundle()
    file = tmp_path / "desired.yaml"
    file.write_text("models: [{name: tiny, versions: [{version: newest}]}]")
    service = await Service(tmp_path, lambda: read_desired_state(file)).started()
    assert service.state.phase is Phase.STARTING
    assert service.registry.statuses() == []
    assert "nothing is served: the desired state " in caplog.text
    assert "models.0.versions.0.version" in caplog.text
    await service.lifecycle.close()


async def test_a_desired_state_that_cannot_even_be_asked_for_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down() -> DesiredState:
        raise ZeroDivisionError("while reading")

    service = Service(tmp_path, break_down)
    service.lifecycle.start()
    with contextlib.suppress(ZeroDivisionError):
        await service.lifecycle.loaded()
    assert "while reading" in caplog.text
    await service.lifecycle.close()


async def test_a_version_that_is_desired_and_not_there_is_named(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle(version="1")
    file = tmp_path / "desired.yaml"
    file.write_text('models: [{name: tiny, versions: [{version: "1"}, {version: "7"}]}]')
    service = await Service(tmp_path, lambda: read_desired_state(file)).started()
    assert service.registry.status("tiny", "1").state is VersionState.READY
    assert "there is no bundle of tiny version 7" in (service.registry.status("tiny", "7").reason or "")
    await service.lifecycle.close()


async def test_stopping_goes_unready_then_refuses_then_drains(tmp_path: Path) -> None:
    service = Service(tmp_path, wait=0.05)
    service.state.phase = Phase.SERVING
    service.state.enter()
    stopping = asyncio.create_task(service.lifecycle.stop())
    await asyncio.sleep(0)
    phases = [service.state.phase]
    done, _ = await asyncio.wait([stopping], timeout=0.1)
    phases.append(service.state.phase)
    assert not done
    service.state.leave()
    await stopping
    assert phases == [Phase.LEAVING, Phase.REFUSING]
    assert service.state.phase is Phase.REFUSING


async def test_requests_that_come_in_while_leaving_are_drained_too(tmp_path: Path) -> None:
    service = Service(tmp_path, wait=0.05)
    stopping = asyncio.create_task(service.lifecycle.stop())
    await asyncio.sleep(0)
    assert service.state.phase is Phase.LEAVING
    service.state.enter()
    done, _ = await asyncio.wait([stopping], timeout=0.1)
    assert not done
    service.state.leave()
    await stopping


async def test_an_idle_server_stops_at_once_even_with_no_time_to_drain(tmp_path: Path) -> None:
    service = Service(tmp_path, drain=0)
    await service.lifecycle.stop()
    assert service.state.phase is Phase.REFUSING


async def test_a_request_that_takes_too_long_is_cut_off_and_counted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(tmp_path, drain=0.02)
    service.state.enter()
    service.state.enter()
    with caplog.at_level(logging.INFO, "service"):
        await service.lifecycle.stop()
    assert "stopping: refusing new requests, 2 in flight" in caplog.text
    assert "stopping: cutting off 2 requests that are still in flight" in caplog.text
    assert "drained" not in caplog.text


async def test_every_step_of_stopping_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "service"):
        await Service(tmp_path).lifecycle.stop()
    steps = [record.getMessage() for record in caplog.records]
    assert [step.split(",")[0].split(" after")[0] for step in steps] == [
        "stopping: unready", "stopping: refusing new requests", "stopping: drained",
    ]  # fmt: skip


async def test_a_stop_while_versions_still_load_never_becomes_ready(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle()
    release = threading.Event()

    def desired_late() -> DesiredState:
        assert release.wait(30)
        return highest_of_each(Shelf(tmp_path / "models"))

    service = Service(tmp_path, desired_late)
    service.lifecycle.start()
    await service.lifecycle.stop()
    release.set()
    await service.lifecycle.loaded()
    assert service.state.phase is Phase.REFUSING
    await service.lifecycle.close()


async def test_closing_ends_a_start_that_is_not_over(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    release = threading.Event()

    def desired_late() -> DesiredState:
        assert release.wait(30)
        return highest_of_each(Shelf(tmp_path / "models"))

    service = Service(tmp_path, desired_late)
    service.lifecycle.start()
    await asyncio.sleep(0)
    await service.lifecycle.close()
    assert service.registry.statuses() == []
    release.set()


async def test_closing_waits_for_the_run_in_progress(tmp_path: Path) -> None:
    service, model = Service(tmp_path), SlowModel()
    rows = {"x": np.zeros((1, 2), np.float32)}
    running = asyncio.create_task(service.pipeline.run(ServedVersion("slow", "1", model), rows, 1))
    assert await asyncio.to_thread(model.running.wait, 30)
    threading.Timer(0.02, model.release.set).start()
    await service.lifecycle.close()
    assert (await running).version == "1"


async def test_what_was_never_started_is_loaded_and_can_be_closed(tmp_path: Path) -> None:
    service = Service(tmp_path)
    await service.lifecycle.loaded()
    await service.lifecycle.close()
