"""Makes the desired state so: opens, loads, proves and warms each version, off the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from service.bundle.folder import Bundle
from service.bundle.shelf import Shelf
from service.control.desired_state import DesiredState
from service.control.version_registry import LoadReport, VersionRegistry, VersionState, VersionStatus
from service.errors import OperatorError
from service.inference.ports import Model, ServedVersion

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


class Reconciler(Generic[M]):
    """Brings versions into the registry, one after the other. `on_ready` hears of each that made it."""

    def __init__(
        self,
        shelf: Shelf,
        loader: Loader[M],
        registry: VersionRegistry,
        on_ready: Callable[[VersionStatus], None],
    ) -> None:
        self._shelf = shelf
        self._loader = loader
        self._registry = registry
        self._on_ready = on_ready

    async def reconcile(self, desired: DesiredState) -> None:
        """Load every desired version. A failure marks that version as failed and the others go on."""
        wanted = [(model.name, each.version) for model in desired.models for each in model.versions]
        if not wanted:
            _log.error("there is nothing to serve: no bundle was found and no desired state names one")
        for name, version in wanted:
            self._registry.announce(name, version)
        for name, version in wanted:
            await self._bring_up(name, version)

    async def _bring_up(self, name: str, version: str) -> None:
        about = {"model": name, "version": version}
        try:
            served, report = await self._load(name, version)
        except OperatorError as error:
            check = getattr(error, "check", error.code)
            _log.error(
                "model %s version %s is not served: check '%s' failed: %s",
                name,
                version,
                check,
                error.message,
                extra={**about, "check": check},
            )
            self._registry.fail(name, version, f"check '{check}' failed: {error.message}")
        except Exception:  # noqa: BLE001  # whatever a model does while loading, the others still load
            _log.exception("model %s version %s is not served: loading broke down", name, version, extra=about)
            self._registry.fail(name, version, "loading broke down; the server's log has the trace")
        else:
            self._registry.ready(served, report)
            _log.info(
                "model %s version %s is ready on %s (%d parameters, loaded in %.2f s, warm in %.2f s, "
                "up to %d rows run on the event loop)",
                name,
                version,
                report.device,
                report.parameters,
                report.load_seconds,
                report.warmup_seconds,
                served.model.inline_rows,
                extra={**about, "digest": report.digest},
            )
            self._on_ready(self._registry.status(name, version))

    async def _load(self, name: str, version: str) -> tuple[ServedVersion, LoadReport]:
        started = time.perf_counter()
        bundle = await asyncio.to_thread(self._shelf.open, name, version)
        await asyncio.to_thread(bundle.verify_files)
        model = await asyncio.to_thread(self._loader.load, bundle)
        self._registry.advance(name, version, VersionState.VERIFYING)
        await asyncio.to_thread(self._loader.prove, bundle, model)
        loaded = time.perf_counter()
        self._registry.advance(name, version, VersionState.WARMING)
        batch_seconds = await asyncio.to_thread(self._loader.warm, model)
        report = LoadReport(
            manifest=bundle.manifest,
            digest=bundle.digest,
            device=model.device,
            parameters=model.parameters,
            loaded_at=datetime.now(UTC),
            load_seconds=loaded - started,
            warmup_seconds=time.perf_counter() - loaded,
            batch_seconds=batch_seconds,
        )
        return ServedVersion(name, version, model), report
