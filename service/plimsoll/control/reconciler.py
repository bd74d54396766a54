"""Applies the desired state: opens, loads, proves and warms new versions, then retires those no longer desired."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol

from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_loading import LeftBehind, M, VersionLoading
from plimsoll.control.version_registry import VersionRegistry, VersionState, VersionStatus
from plimsoll.errors import OperatorError
from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.ports import Model
from plimsoll.inference.served_version import ServedVersion

_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Receives the events of versions."""

    def version_ready(self, status: VersionStatus) -> None:
        """A version is ready and answers."""
        ...

    def load_failed(self, name: str, version: str, check: str) -> None:
        """An attempt to load a version has failed."""
        ...

    def version_gone(self, status: VersionStatus) -> None:
        """A version no longer answers, or a newer load answers under its name."""
        ...


class Reconciler(Generic[M]):
    """Brings the registry to a desired state. `new_lane` creates the lane of a proven model."""

    def __init__(
        self,
        loading: VersionLoading[M],
        registry: VersionRegistry,
        new_lane: Callable[[DesiredModel, str, Model], BatchLane],
        watcher: Watcher,
    ) -> None:
        self._loading = loading
        self._registry = registry
        self._new_lane = new_lane
        self._watcher = watcher
        self._newest: DesiredState | None = None
        self._turn = asyncio.Lock()
        self._tried: dict[tuple[str, str], tuple[DesiredModel, DesiredVersion]] = {}
        self._drains: dict[asyncio.Task[None], ServedVersion] = {}

    def failed_from_the_start(self) -> list[str]:
        """See `VersionRegistry.failed_from_the_start`."""
        return self._registry.failed_from_the_start()

    async def reconcile(self, desired: DesiredState) -> bool:
        """Load the versions that are new or have a new generation, one by one, then retire those not desired.

        A version that fails to load is marked as failed, and the other versions load. A version that is no longer
        desired keeps serving until a desired version of its model is ready.

        It may be called while an earlier call runs: the earlier call stops at its next step, and a load that is no
        longer desired is abandoned at once. Returns whether this desired state was still the newest at the end.
        """
        if not desired.models:
            _log.error("there is nothing to serve: no bundle was found and no desired state names one")
        self._newest = desired
        self._registry.desire(desired)
        if self._loading.key is not None and not self._is_wanted(desired, self._loading.key):
            self._loading.leave_behind()
        async with self._turn:
            for model in desired.models:
                for each in model.versions:
                    if self._newest is desired and self._is_due(model, each):
                        await self._bring_up(model, each)
            if self._newest is not desired:
                return False
            self._retire_unwanted(desired)
            return True

    def _retire_unwanted(self, desired: DesiredState) -> None:
        wanted = {(model.name, each.version) for model in desired.models for each in model.versions}
        replaced = {name for name, version in wanted if self._registry.status(name, version).served is not None}
        still_desired = {name for name, _ in wanted}
        for status in self._registry.statuses():
            unwanted = (status.name, status.version) not in wanted and status.state is not VersionState.DRAINING
            needed = status.served is not None and status.name in still_desired - replaced
            if unwanted and not needed:
                self._retire(status)

    def keep(self, error: OperatorError) -> None:
        """Log and show that the newest desired state cannot be read; the loaded versions keep serving."""
        self._registry.keep(error.message)
        _log.error("the desired state is left as it was: %s", error.message)

    async def close(self) -> None:
        """Stop draining, and close every version."""
        drains = dict(self._drains)
        for drain in drains:
            drain.cancel()
        await asyncio.gather(*drains, return_exceptions=True)
        serving = [status.served for status in self._registry.statuses() if status.served is not None]
        for served in (*drains.values(), *serving):
            served.close()

    def _is_due(self, model: DesiredModel, wanted: DesiredVersion) -> bool:
        """Whether a version is new, has a new generation, or has failed and is now forced."""
        tried = self._tried.get((model.name, wanted.version))
        if tried is None or tried[1].generation != wanted.generation or tried[0].limits != model.limits:
            return True
        failed = self._registry.status(model.name, wanted.version).reason is not None
        return failed and wanted.force and not tried[1].force

    def _is_wanted(self, desired: DesiredState, key: tuple[str, str]) -> bool:
        """Whether a desired state contains that version in the form of the last attempt to load it."""
        return any(
            (model.name, each.version) == key and not self._is_due(model, each)
            for model in desired.models
            for each in model.versions
        )

    async def _bring_up(self, model: DesiredModel, wanted: DesiredVersion) -> None:
        name, version = model.name, wanted.version
        about = {"model": name, "version": version}
        before = self._registry.status(name, version)
        tried_before = self._tried.get((name, version))
        self._tried[name, version] = (model, wanted)
        try:
            loaded = await self._loading.load(name, version, force=wanted.force)
            lane = self._new_lane(model, version, loaded.model)
        except LeftBehind:
            _log.warning(
                "model %s version %s is no longer wanted: its load was left behind in state '%s'",
                name, version, self._registry.status(name, version).state, extra=about,
            )  # fmt: skip
            self._undo_attempt(before, tried_before)
        except OperatorError as error:
            check = getattr(error, "check", error.code)
            _log.error(
                "model %s version %s is not served: check '%s' failed: %s",
                name, version, check, error, extra={**about, "check": check}, exc_info=error.__cause__,
            )  # fmt: skip
            self._fail(name, version, check, f"check '{check}' failed: {_public(error)}")
        except Exception:  # noqa: BLE001  # a model may raise anything, and the others still have to load
            _log.exception("model %s version %s is not served: loading broke down", name, version, extra=about)
            self._fail(name, version, "internal", "loading broke down; the server's log has the trace")
        else:
            report = loaded.report
            task, threads = loaded.task
            self._registry.ready(
                ServedVersion(name, version, loaded.model.signature, task, lane, report.digest, threads), report
            )
            _log.info(
                "model %s version %s is ready on %s (%d parameters, loaded in %.2f s, warm in %.2f s, "
                "up to %d rows run on the event loop)",
                name, version, report.device, report.parameters, report.load_seconds, report.warmup_seconds,
                report.inline_rows, extra={**about, "digest": report.digest},
            )  # fmt: skip
            if before.served is not None:
                self._watcher.version_gone(before)
                self._in_background(self._drain(before.served), before.served)
            self._watcher.version_ready(self._registry.status(name, version))

    def _undo_attempt(self, before: VersionStatus, tried_before: tuple[DesiredModel, DesiredVersion] | None) -> None:
        """Restore the state before an abandoned load, so that the version is due if it is desired again."""
        key = (before.name, before.version)
        if tried_before is None:
            del self._tried[key]
        else:
            self._tried[key] = tried_before
        if before.served is not None:
            self._registry.advance(*key, before.state)

    def _fail(self, name: str, version: str, check: str, reason: str) -> None:
        self._registry.fail(name, version, reason)
        self._watcher.load_failed(name, version, check)

    def _retire(self, status: VersionStatus) -> None:
        key = (status.name, status.version)
        self._tried.pop(key, None)
        if status.served is None:
            self._registry.forget(*key)
            return
        self._registry.retire(*key)
        self._watcher.version_gone(status)
        _log.info("model %s version %s is draining", *key, extra={"model": status.name, "version": status.version})
        self._in_background(self._drain_and_forget(status, status.served), status.served)

    async def _drain(self, served: ServedVersion) -> None:
        await served.lane.drain()
        served.close()

    async def _drain_and_forget(self, status: VersionStatus, served: ServedVersion) -> None:
        await self._drain(served)
        if any(each.served is status.served for each in self._registry.statuses()):
            self._registry.forget(status.name, status.version)  # unless it has become desired again

    def _in_background(self, drain: Coroutine[Any, Any, None], served: ServedVersion) -> None:
        task = asyncio.create_task(drain)
        self._drains[task] = served
        task.add_done_callback(self._drains.pop)


def _public(error: OperatorError) -> str:
    """The message for clients; in place of a model's own message it refers to the log."""
    return f"{error.message}; the server's log says more" if str(error) != error.message else error.message
