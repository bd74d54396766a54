"""Makes the desired state so: opens, loads, proves and warms what is new, then retires what is no longer wanted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from service.bundle.folder import Bundle
from service.bundle.shelf import Shelf
from service.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from service.control.version_registry import LoadReport, VersionRegistry, VersionState, VersionStatus
from service.errors import BundleError, DesiredStateError, OperatorError
from service.inference.lane import Lane
from service.inference.pipeline import ServedVersion
from service.inference.ports import Model

_log = logging.getLogger(__name__)


class LoadedModel(Model, Protocol):
    """A model, and what there is to tell of it."""

    @property
    def device(self) -> str:
        """Where it runs."""
        ...

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        ...


M = TypeVar("M", bound=LoadedModel)


class Loader(Protocol[M]):
    """Brings bundles to life; the runtime offers one."""

    def load(self, bundle: Bundle) -> M:
        """The model of a bundle, unproven."""
        ...

    def prove(self, bundle: Bundle, model: M) -> None:
        """Raise a `BundleError` unless the model answers its golden samples."""
        ...

    def warm(self, model: M) -> dict[int, float]:
        """Run every batch size; returns seconds by size."""
        ...


class Watcher(Protocol):
    """Hears what becomes of versions."""

    def version_ready(self, status: VersionStatus) -> None:
        """A version answers."""
        ...

    def load_failed(self, name: str, version: str, check: str) -> None:
        """An attempt to load a version has failed."""
        ...

    def version_gone(self, status: VersionStatus) -> None:
        """A version answers no more, or something newer answers under its name."""
        ...


class Reconciler(Generic[M]):
    """Brings the registry to a desired state. `new_lane` gives a proven model its place in the line."""

    def __init__(
        self,
        shelf: Shelf,
        loader: Loader[M],
        registry: VersionRegistry,
        new_lane: Callable[[DesiredModel, str, Model], Lane],
        watcher: Watcher,
    ) -> None:
        self._shelf = shelf
        self._loader = loader
        self._registry = registry
        self._new_lane = new_lane
        self._watcher = watcher
        self._tried: dict[tuple[str, str], tuple[DesiredModel, DesiredVersion]] = {}
        self._drains: dict[asyncio.Task[None], Lane] = {}

    async def reconcile(self, desired: DesiredState) -> None:
        """Load what is new or has a new generation, one after the other, then retire what is not wanted.

        A version that fails is marked so, and the others go on. A version that is no longer wanted serves on until one
        that is wanted is ready in its place.
        """
        if not desired.models:
            _log.error("there is nothing to serve: no bundle was found and no desired state names one")
        self._registry.desire(desired)
        for model in desired.models:
            for each in model.versions:
                if self._is_due(model, each):
                    self._tried[model.name, each.version] = (model, each)
                    await self._bring_up(model, each)
        wanted = {(model.name, each.version) for model in desired.models for each in model.versions}
        replaced = {name for name, version in wanted if self._registry.status(name, version).served is not None}
        still_desired = {name for name, _ in wanted}
        for status in self._registry.statuses():
            unwanted = (status.name, status.version) not in wanted and status.state is not VersionState.DRAINING
            needed = status.served is not None and status.name in still_desired - replaced
            if unwanted and not needed:
                self._retire(status)

    def keep(self, error: DesiredStateError) -> None:
        """The newest desired state cannot be read; what serves goes on, and the error is shown."""
        self._registry.desired_error = error.message
        _log.error("the desired state is left as it was: %s", error.message)

    async def close(self) -> None:
        """Stop draining, and let every lane go."""
        drains = dict(self._drains)
        for drain in drains:
            drain.cancel()
        await asyncio.gather(*drains, return_exceptions=True)
        serving = [status.served.lane for status in self._registry.statuses() if status.served is not None]
        for lane in (*drains.values(), *serving):
            lane.close()

    def _is_due(self, model: DesiredModel, wanted: DesiredVersion) -> bool:
        """Whether a version is new, is to be loaded anew, or has failed and may be forced now."""
        tried = self._tried.get((model.name, wanted.version))
        if tried is None or tried[1].generation != wanted.generation or tried[0].limits != model.limits:
            return True
        failed = self._registry.status(model.name, wanted.version).reason is not None
        return failed and wanted.force and not tried[1].force

    async def _bring_up(self, model: DesiredModel, wanted: DesiredVersion) -> None:
        name, version = model.name, wanted.version
        about = {"model": name, "version": version}
        before = self._registry.status(name, version)
        try:
            served, report = await self._load(model, wanted)
        except OperatorError as error:
            check = getattr(error, "check", error.code)
            _log.error(
                "model %s version %s is not served: check '%s' failed: %s",
                name, version, check, error.message, extra={**about, "check": check},
            )  # fmt: skip
            self._fail(name, version, check, f"check '{check}' failed: {error.message}")
        except Exception:  # noqa: BLE001  # whatever a model does while loading, the others still load
            _log.exception("model %s version %s is not served: loading broke down", name, version, extra=about)
            self._fail(name, version, "internal", "loading broke down; the server's log has the trace")
        else:
            self._registry.ready(served, report)
            _log.info(
                "model %s version %s is ready on %s (%d parameters, loaded in %.2f s, warm in %.2f s, "
                "up to %d rows run on the event loop)",
                name, version, report.device, report.parameters, report.load_seconds, report.warmup_seconds,
                report.inline_rows, extra={**about, "digest": report.digest},
            )  # fmt: skip
            if before.served is not None:
                self._watcher.version_gone(before)
                self._in_background(self._drain(before.served.lane), before.served.lane)
            self._watcher.version_ready(self._registry.status(name, version))

    def _fail(self, name: str, version: str, check: str, reason: str) -> None:
        self._registry.fail(name, version, reason)
        self._watcher.load_failed(name, version, check)

    async def _load(self, model: DesiredModel, wanted: DesiredVersion) -> tuple[ServedVersion, LoadReport]:
        name, version = model.name, wanted.version
        started = time.perf_counter()
        self._registry.advance(name, version, VersionState.LOADING)
        bundle = await asyncio.to_thread(self._shelf.open, name, version)
        await asyncio.to_thread(bundle.verify_files)
        if not wanted.force:
            self._compare_signatures(name, version, bundle)
        loaded = await asyncio.to_thread(self._loader.load, bundle)
        self._registry.advance(name, version, VersionState.VERIFYING)
        await asyncio.to_thread(self._loader.prove, bundle, loaded)
        proven = time.perf_counter()
        self._registry.advance(name, version, VersionState.WARMING)
        batch_seconds = await asyncio.to_thread(self._loader.warm, loaded)
        lane = self._new_lane(model, version, loaded)
        report = LoadReport(
            manifest=bundle.manifest,
            digest=bundle.digest,
            device=loaded.device,
            parameters=loaded.parameters,
            inline_rows=loaded.inline_rows,
            loaded_at=datetime.now(UTC),
            load_seconds=proven - started,
            warmup_seconds=time.perf_counter() - proven,
            batch_seconds=batch_seconds,
        )
        return ServedVersion(name, version, loaded.signature, lane, bundle.digest), report

    def _compare_signatures(self, name: str, version: str, bundle: Bundle) -> None:
        mine = bundle.manifest.line_signature()
        for status in self._registry.statuses():
            if status.name != name or status.served is None or status.state is VersionState.DRAINING:
                continue
            if status.served.signature != mine:
                raise BundleError(
                    "signature",
                    f"version {version} has another signature than version {status.version}, which serves under the "
                    "same name, so clients would break; give it another name, or set `force: true` to mean it",
                )

    def _retire(self, status: VersionStatus) -> None:
        key = (status.name, status.version)
        self._tried.pop(key, None)
        if status.served is None:
            self._registry.forget(*key)
            return
        self._registry.retire(*key)
        self._watcher.version_gone(status)
        _log.info("model %s version %s is draining", *key, extra={"model": status.name, "version": status.version})
        self._in_background(self._drain_and_forget(status, status.served.lane), status.served.lane)

    async def _drain(self, lane: Lane) -> None:
        await lane.drain()
        lane.close()

    async def _drain_and_forget(self, status: VersionStatus, lane: Lane) -> None:
        await self._drain(lane)
        if any(each.served is status.served for each in self._registry.statuses()):
            self._registry.forget(status.name, status.version)  # unless it has been desired again meanwhile

    def _in_background(self, drain: Coroutine[Any, Any, None], lane: Lane) -> None:
        task = asyncio.create_task(drain)
        self._drains[task] = lane
        task.add_done_callback(self._drains.pop)
