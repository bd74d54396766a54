"""Loads one version in bounded time: opens its bundle, loads the model, proves it and warms it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Generic, Protocol, TypeVar

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.bundle.sample_request import sample_request
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.load_thread import in_load_thread
from plimsoll.control.version_registry import LoadReport, VersionRegistry, VersionState
from plimsoll.errors import BundleError
from plimsoll.inference.ports import Model, Task
from plimsoll.inference.task_threads import BoundTask

_log = logging.getLogger(__name__)


class LoadedModel(Model, Protocol):
    """A model with its facts for the load report."""

    @property
    def device(self) -> str:
        """The device."""
        ...

    @property
    def parameters(self) -> int:
        """The number of learned parameters."""
        ...

    def interrupt(self) -> None:
        """End the run in progress with an error if the runtime can; nobody uses the model afterwards."""
        ...


M = TypeVar("M", bound=LoadedModel)


class Loader(Protocol[M]):
    """Makes models from bundles; the runtime implements it."""

    def load(self, bundle: Bundle) -> M:
        """Load the model of a bundle, which is not proven yet."""
        ...

    def prove(self, bundle: Bundle, model: M) -> GoldenSamples:
        """Return the golden samples; raises `BundleError` unless the model answers them, alone and in every batch."""
        ...

    def prove_requests(self, bundle: Bundle, model: M, task: Task) -> int:
        """Ask the golden requests and return how many there are; raises `BundleError` unless they are answered."""
        ...

    def warm(self, model: M, samples: GoldenSamples) -> dict[int, float]:
        """Run batches of golden rows; returns the seconds by number of rows."""
        ...


@dataclass(frozen=True, slots=True)
class Loaded(Generic[M]):
    """A version that is ready to serve."""

    model: M
    task: BoundTask
    report: LoadReport


class LeftBehind(Exception):
    """The load was abandoned, because a newer desired state does not contain it."""


class VersionLoading(Generic[M]):
    """Loads one version at a time, each within `start_seconds`, and shows its progress in the registry.

    `bind` returns the task of a bundle, and may run code of others; it raises a `BundleError` for a model that fits no
    task.
    """

    def __init__(
        self,
        shelf: Shelf,
        loader: Loader[M],
        registry: VersionRegistry,
        start_seconds: float,
        bind: Callable[[Bundle], BoundTask],
    ) -> None:
        self._bind = bind
        self._shelf = shelf
        self._loader = loader
        self._registry = registry
        self._start_seconds = start_seconds
        self._limit: asyncio.Timeout | None = None
        self._left_behind = False
        self._model: M | None = None
        self._binding = False
        self.key: tuple[str, str] | None = None
        """Name and version of the load in progress."""

    async def load(self, name: str, version: str, *, force: bool) -> Loaded[M]:
        """Load a version. With `force` its signature may differ from that of the versions that serve.

        Raises:
            BundleError: a check failed. The check is `start-up` if the load took too long, or `task` if that was the
                factory of its task; its thread is abandoned, and the run of the model in it is interrupted.
            LeftBehind: see `leave_behind`.
        """
        self.key, self._left_behind, self._model, self._binding = (name, version), False, None, False
        try:
            async with asyncio.timeout(self._start_seconds) as limit:
                self._limit = limit
                return await self._load(name, version, force=force)
        except TimeoutError:
            self._interrupt()
            if self._left_behind:
                raise LeftBehind from None
            if not limit.expired():
                raise
            if self._binding:
                raise BundleError(
                    "task",
                    f"the factory of its task did not return within {self._start_seconds:g} s "
                    "(PLIMSOLL_START_SECONDS), and was left behind",
                ) from None
            state = self._registry.status(name, version).state
            raise BundleError(
                "start-up",
                f"it was still {state} after {self._start_seconds:g} s (PLIMSOLL_START_SECONDS), and was left behind",
            ) from None
        finally:
            self.key = self._limit = self._model = None

    def leave_behind(self) -> None:
        """End the load in progress with `LeftBehind`; its thread is abandoned and runs to its end."""
        if self._limit is not None:
            self._left_behind = True
            self._limit.reschedule(asyncio.get_running_loop().time())

    def _interrupt(self) -> None:
        if self._model is not None:
            self._model.interrupt()

    async def _load(self, name: str, version: str, *, force: bool) -> Loaded[M]:
        started = time.perf_counter()
        self._registry.advance(name, version, VersionState.LOADING)
        bundle = await in_load_thread(partial(self._shelf.open, name, version))
        if remark := bundle.manifest.remark():
            _log.warning("model %s version %s: %s", name, version, remark, extra={"model": name, "version": version})
        await in_load_thread(bundle.verify_files)
        self._binding = True
        task = await in_load_thread(partial(self._bind, bundle))
        self._binding = False
        if not force:
            self._compare_signatures(name, version, bundle)
        self._model = loaded = await in_load_thread(partial(self._loader.load, bundle))
        self._registry.advance(name, version, VersionState.VERIFYING)
        samples = await in_load_thread(partial(self._loader.prove, bundle, loaded))
        await in_load_thread(partial(self._loader.prove_requests, bundle, loaded, task.task))
        sample = await in_load_thread(partial(sample_request, bundle, samples, task.task))
        proven = time.perf_counter()
        self._registry.advance(name, version, VersionState.WARMING)
        batch_seconds = await in_load_thread(partial(self._loader.warm, loaded, samples))
        report = LoadReport(
            manifest=bundle.manifest,
            digest=bundle.digest,
            device=loaded.device,
            parameters=loaded.parameters,
            inline_rows=loaded.inline_rows(),
            loaded_at=datetime.now(UTC),
            load_seconds=proven - started,
            warmup_seconds=time.perf_counter() - proven,
            batch_seconds=batch_seconds,
            example={name: tensor[0].copy() for name, tensor in samples.inputs.items()},
            sample=sample,
        )
        return Loaded(loaded, task, report)

    def _compare_signatures(self, name: str, version: str, bundle: Bundle) -> None:
        mine, my_task = bundle.manifest.line_signature(), bundle.manifest.task
        for status in self._registry.statuses():
            if status.name != name or status.served is None or status.state is VersionState.DRAINING:
                continue
            if status.report is not None and status.report.manifest.task != my_task:
                raise BundleError(
                    "signature",
                    f"version {version} has the task {my_task}, and version {status.version}, which serves under the "
                    f"same name, has {status.report.manifest.task}, so clients would break; give it another name, or "
                    "set `force: true` to mean it",
                )
            if status.served.signature != mine:
                raise BundleError(
                    "signature",
                    f"version {version} has another signature than version {status.version}, which serves under the "
                    "same name, so clients would break; give it another name, or set `force: true` to mean it",
                )
