from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from plimsoll.api.serving_state import Phase
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import DesiredLimits, DesiredState
from plimsoll.control.desired_state_source import DesiredStateSource
from plimsoll.control.version_registry import VersionState
from plimsoll.errors import OperatorError
from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.served_version import ServedVersion
from plimsoll.lifecycle import Part
from plimsoll.runtime.loaded_model import LoadedModel
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.doubles.models import SlowModel
from tests.unit.control.serving import limits_of
from tests.unit.eventually import eventually
from tests.unit.services import Service


async def stay() -> None:
    """A client that never leaves."""
    await asyncio.Event().wait()


class HeldLoader(ModelLoader):
    """Loads as ever, once it is released."""

    def __init__(self) -> None:
        super().__init__(LoaderOptions(), batch_sizes=[1], inline_budget_seconds=1)
        self.loading = threading.Event()
        self.release = threading.Event()

    def load(self, bundle: Bundle) -> LoadedModel:
        """The model of a bundle, when released."""
        self.loading.set()
        assert self.release.wait(timeout=30), "nobody released the loader"
        return super().load(bundle)


async def test_a_server_serves_once_every_version_is_ready(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    make_tiny_bundle(name="other")
    service = Service(tmp_path)
    assert service.state.phase is Phase.STARTING
    service.lifecycle.start()
    assert service.state.phase.value == "starting"
    await service.lifecycle.settled()
    assert service.state.phase.value == "serving"
    assert service.registry.missing() == []
    assert [(each.name, each.version) for each in service.registry.statuses()] == [("other", "1"), ("tiny", "2")]
    await service.lifecycle.close()


async def test_a_failed_version_does_not_keep_the_others_from_answering(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle()
    bad = make_tiny_bundle(name="bad")
    (bad.path / "weights.safetensors").write_bytes(b"tampered")
    service = await Service(tmp_path).started()
    assert service.registry.missing() == []
    assert service.registry.status("bad", "1").state is VersionState.FAILED
    assert (await service.ask())[0] == "1"
    await service.lifecycle.close()


async def test_a_server_without_a_model_starts_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = await Service(tmp_path).started()
    assert service.registry.empty
    assert "there is nothing to serve" in caplog.text
    await service.lifecycle.stop()
    await service.lifecycle.close()


async def test_a_desired_state_that_cannot_even_be_asked_for_is_in_the_log_hangs_nobody_and_is_tried_again(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_tiny_bundle()

    class BrokenOnce(DesiredStateSource):
        broken = True

        async def states(self, on_error: Callable[[OperatorError], None]) -> AsyncGenerator[DesiredState, None]:
            if self.broken:
                self.broken = False
                raise ZeroDivisionError("while reading")
            async for state in super().states(on_error):
                yield state

    source = BrokenOnce(None, Shelf(tmp_path / "models"))
    service = await Service(tmp_path, source).started()
    assert service.state.phase is Phase.STARTING
    await eventually(lambda: service.state.phase.value == "serving")
    await service.lifecycle.close()
    assert "background task 'desired_state' stopped; it restarts in 0.01 s" in caplog.text
    assert "ZeroDivisionError: while reading" in caplog.text


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
    with caplog.at_level(logging.INFO, "plimsoll"):
        await service.lifecycle.stop()
    assert "stopping: refusing new requests, 2 in flight" in caplog.text
    assert "stopping: cutting off 2 requests that are still in flight" in caplog.text
    assert "drained" not in caplog.text


async def test_streams_are_asked_to_end_before_the_time_to_drain_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(tmp_path, drain=1.0)
    service.state.enter()

    async def stream() -> None:
        await service.state.cutting_off()
        service.state.leave()

    streaming = asyncio.create_task(stream())
    with caplog.at_level(logging.INFO, "plimsoll"):
        await service.lifecycle.stop()
    await streaming
    assert "drained" in caplog.text
    assert "cutting off" not in caplog.text


async def test_every_step_of_stopping_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "plimsoll"):
        await Service(tmp_path).lifecycle.stop()
    steps = [record.getMessage() for record in caplog.records]
    assert [step.split(",")[0].split(" after")[0] for step in steps] == [
        "stopping: unready", "stopping: refusing new requests", "stopping: drained",
    ]  # fmt: skip


async def test_a_stop_while_versions_still_load_never_becomes_ready(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle()
    loader = HeldLoader()
    service = Service(tmp_path, loader=loader)
    service.lifecycle.start()
    assert await asyncio.to_thread(loader.loading.wait, 30)
    await service.lifecycle.stop()
    loader.release.set()
    await service.lifecycle.settled()
    assert service.states == {"1": VersionState.READY}
    assert service.state.phase is Phase.REFUSING
    await service.lifecycle.close()
    assert service.lanes_let_go == [True]


async def test_closing_ends_a_start_that_is_not_over(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    loader = HeldLoader()
    service = Service(tmp_path, loader=loader)
    service.lifecycle.start()
    assert await asyncio.to_thread(loader.loading.wait, 30)
    await service.lifecycle.close()
    assert service.states == {"1": VersionState.LOADING}
    assert service.lanes == []
    loader.release.set()
    async with asyncio.timeout(5):
        await service.lifecycle.settled()


async def test_a_run_in_progress_is_answered_though_the_server_closes(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    service, model = Service(tmp_path), SlowModel()
    lane = BatchLane(model, limits_of(DesiredLimits()))
    service.registry.ready(
        ServedVersion("slow", "1", model.signature, TabularClassification(model.signature), lane),
        report_on(make_tiny_bundle()),
    )
    entry = lane.reserve(1)
    entry.inputs["x"][:] = 5
    asking = lane.answer(entry, asyncio.get_running_loop().time() + 30, stay)
    assert await asyncio.to_thread(model.running.wait, 30)
    await service.lifecycle.close()
    assert not asking.done()
    model.release.set()
    assert (await asking)["y"].tolist() == [[5, 5]]


async def test_what_was_never_started_can_be_closed(tmp_path: Path) -> None:
    service = Service(tmp_path)
    await service.lifecycle.close()
    await service.lifecycle.close()


async def test_parts_start_in_order_and_close_in_reverse(tmp_path: Path) -> None:
    seen: list[str] = []

    async def close_slowly() -> None:
        await asyncio.sleep(0)
        seen.append("first closed")

    parts = [
        Part(lambda: seen.append("first started"), close_slowly),
        Part(lambda: seen.append("second started"), lambda: seen.append("second closed")),
    ]
    service = await Service(tmp_path, parts=parts).started()
    await service.lifecycle.close()
    assert seen == ["first started", "second started", "second closed", "first closed"]
