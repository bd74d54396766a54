"""A reconciler over real bundles with everything that it moves within reach."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, read_golden
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import DesiredLimits, DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.reconciler import Reconciler
from plimsoll.control.version_loading import Loader, VersionLoading
from plimsoll.control.version_registry import VersionRegistry, VersionState, VersionStatus
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import Target
from plimsoll.inference.ports import Model, Task
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.task_threads import UnobservedTask
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.task_factories import TaskFactories
from plimsoll.tasks import TaskBinder
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.doubles.models import EchoModel, flat_signature
from tests.unit.eventually import PATIENCE_SECONDS

bind = TaskBinder(TaskFactories(()), lambda _name, _version: UnobservedTask())
"""Binds the tasks of the server, and no other."""
ROW = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
Step = Callable[[Bundle], None]


def real_loader(inline_budget_seconds: float = 1.0) -> ModelLoader:
    """What brings bundles to life in production; a budget of 0 has every batch run in the lane's own thread."""
    return ModelLoader(LoaderOptions(), batch_sizes=[1, 2], inline_budget_seconds=inline_budget_seconds)


def limits_of(desired: DesiredLimits) -> LaneLimits:
    """The limits of a lane, with some for those that are not desired."""
    admission = AdmissionLimits(requests=desired.queue_limit or 64, bytes=1 << 20)
    return LaneLimits(admission, BatchLimits(desired.max_batch_rows or 4, max_wait_seconds=0))


def served_version(name: str, version: str, width: int = 2) -> ServedVersion:
    """A version of an echo model for tests that route to it and never ask it."""

    async def lane() -> BatchLane:
        return BatchLane(EchoModel(), limits_of(DesiredLimits()))

    with contextlib.closing(asyncio.new_event_loop()) as loop:
        signature = flat_signature(width)
        task = TabularClassification(signature)
        return ServedVersion(name, version, signature, task, loop.run_until_complete(lane()))


class ScriptedLoader:
    """Loads echo models; `on` holds what else happens at a step, and `steps` what was done, in order and where."""

    def __init__(self, **on: Step) -> None:
        self._on = on
        self.steps: list[tuple[str, str]] = []
        self.threads: set[str] = set()

    def load(self, bundle: Bundle) -> EchoModel:
        """An echo model."""
        self._step("load", bundle)
        self._bundle = bundle
        self.model = EchoModel(bundle.manifest.line_signature())
        return self.model

    def prove(self, bundle: Bundle, model: EchoModel) -> GoldenSamples:
        """Whatever it is, it is proven."""
        assert isinstance(model, EchoModel)
        self._step("prove", bundle)
        return read_golden(bundle)

    def prove_requests(self, bundle: Bundle, model: EchoModel, task: Task) -> int:
        """None."""
        assert isinstance(model, EchoModel)
        assert task.item
        self._step("prove_requests", bundle)
        return 0

    def warm(self, model: EchoModel, samples: GoldenSamples) -> dict[int, float]:
        """Takes half a second, it says."""
        assert isinstance(model, EchoModel)
        assert samples.inputs
        self._step("warm", self._bundle)
        return {1: 0.5}

    def _step(self, step: str, bundle: Bundle) -> None:
        self.steps.append((step, bundle.manifest.version))
        self.threads.add(threading.current_thread().name)
        if step in self._on:
            self._on[step](bundle)


class RecordingWatcher:
    """Keeps what it hears: `ready 1`, `failed 1 golden`, `gone 1`; and the statuses that came with it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.statuses: list[VersionStatus] = []

    def version_ready(self, status: VersionStatus) -> None:
        """A version answers."""
        self._hear("ready", status)

    def load_failed(self, name: str, version: str, check: str) -> None:
        """An attempt has failed."""
        assert name
        self.heard.append(f"failed {version} {check}")

    def version_gone(self, status: VersionStatus) -> None:
        """A version answers no more."""
        self._hear("gone", status)

    def _hear(self, what: str, status: VersionStatus) -> None:
        self.heard.append(f"{what} {status.version}")
        self.statuses.append(status)


class Serving:
    """A reconciler with its registry, its lanes in the order they were made, and what its watcher heard."""

    def __init__(self, folder: Path, loader: Loader[Any] | None = None, start_seconds: float = 180) -> None:
        self.registry = VersionRegistry()
        self.watcher = RecordingWatcher()
        self.lanes: list[BatchLane] = []
        self._executors: list[ThreadPoolExecutor] = []
        loading = VersionLoading(Shelf(folder / "models"), loader or real_loader(), self.registry, start_seconds, bind)
        self.reconciler = Reconciler(loading, self.registry, self._new_lane, self.watcher)

    async def reconcile(self, *versions: str | DesiredVersion, limits: DesiredLimits | None = None) -> bool:
        """Desire these versions of the tiny model, and nothing else; whether no newer desire came meanwhile."""
        listed = [DesiredVersion(version=each) if isinstance(each, str) else each for each in versions]
        models = [DesiredModel(name="tiny", versions=listed, limits=limits or DesiredLimits())] if listed else []
        return await self.reconciler.reconcile(DesiredState(models=models))

    async def ask(self, pin: str | None = None) -> tuple[str, NDArray[Any]]:
        """The version that answers one row, and its output."""
        served = self.registry.table.select(Target("tiny", pin))
        with served.lane.admission.admit(1):
            return await self.answer(served)

    async def answer(self, served: ServedVersion) -> tuple[str, NDArray[Any]]:
        """The same for a request that has been admitted already."""
        entry = served.lane.reserve(1)
        entry.inputs["input"][:] = ROW
        outputs = await served.lane.answer(entry, asyncio.get_running_loop().time() + PATIENCE_SECONDS, _never)
        return served.version, outputs["output"]

    @property
    def lanes_let_go(self) -> list[bool]:
        """Of each lane, whether its thread takes no more work."""
        return [_is_shut_down(executor) for executor in self._executors]

    @property
    def states(self) -> dict[str, VersionState]:
        """State by version."""
        return {status.version: status.state for status in self.registry.statuses()}

    def reason(self, version: str) -> str:
        """Why the last attempt to load it failed; empty where it did not."""
        return self.registry.status("tiny", version).reason or ""

    def _new_lane(self, desired: DesiredModel, version: str, model: Model) -> BatchLane:
        assert version in [each.version for each in desired.versions]
        self._executors.append(ThreadPoolExecutor(max_workers=1))
        self.lanes.append(BatchLane(model, limits_of(desired.limits), executor=self._executors[-1]))
        return self.lanes[-1]


def refuse(bundle: Bundle, *, error: Exception, version: str) -> None:
    """Raise the error where it is that version's turn."""
    if bundle.manifest.version == version:
        raise error


def refusing(version: str, error: Exception) -> Step:
    """A step that fails for one version."""
    return partial(refuse, error=error, version=version)


def _is_shut_down(executor: ThreadPoolExecutor) -> bool:
    try:
        executor.submit(int).result()
    except RuntimeError:
        return True
    return False


async def _never() -> None:
    await asyncio.Event().wait()
