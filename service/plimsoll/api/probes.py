"""Answers the probes of Kubernetes, and the health routes for people."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict

import psutil
from fastapi import Response, status
from pydantic import BaseModel, Field

from plimsoll import __version__
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.background_tasks import TaskState
from plimsoll.control.version_registry import VersionRegistry, VersionState
from plimsoll.watched_file import FileState


class Health(BaseModel):
    """Whether the server takes requests, and the reason if it does not."""

    status: str = Field(examples=["ready"])
    reasons: list[str] = []
    remarks: list[str] = Field([], description="What lies in the models folder and is passed over, and why.")


class DeviceMemory(BaseModel):
    """Memory of one accelerator, in bytes."""

    device: str
    used_bytes: int
    total_bytes: int


class VersionHealth(BaseModel):
    """One version's state, and the reason if it failed."""

    model: str
    version: str
    state: str
    reason: str | None = None


class TaskHealth(BaseModel):
    """One background task; `reason` is the type of the error that last stopped it."""

    task: str
    running: bool
    restarts: int
    reason: str = ""


class FileHealth(BaseModel):
    """One file that is followed; `reason` says why it cannot be used, while its last good content is in force."""

    file: str
    reason: str = ""


class DetailedHealth(Health):
    """Health with the facts that an operator needs first."""

    server_version: str
    uptime_seconds: float
    cpu_percent: float | None = Field(
        description="Of one core, since the last call of this route. Null, as the next two, without a free descriptor."
    )
    memory_bytes: int | None = Field(description="Resident memory of this process.")
    threads: int | None
    requests_in_flight: int
    devices: list[DeviceMemory]
    versions: list[VersionHealth]
    background_tasks: list[TaskHealth]
    files: list[FileHealth]


class Probes:
    """Answers probes from the serving state and the registry; never waits for a model.

    `device_memory` lists the accelerators in use, `tasks` the background tasks, `files` the files that are followed.
    `stuck_too_long` says whether a forward pass has hung for so long that the process should be restarted.
    """

    def __init__(
        self,
        state: ServingState,
        registry: VersionRegistry,
        device_memory: Callable[[], list[tuple[str, int, int]]],
        stuck_too_long: Callable[[], bool],
        tasks: Callable[[], list[TaskState]] = list,
        files: Callable[[], list[FileState]] = list,
    ) -> None:
        self._state = state
        self._registry = registry
        self._device_memory = device_memory
        self._stuck_too_long = stuck_too_long
        self._tasks = tasks
        self._files = files
        self._process = psutil.Process(os.getpid())
        self._process.cpu_percent()  # the first call only sets the start of the measurement
        self._started = self._process.create_time()

    def is_live(self) -> bool:
        """Whether no forward pass has hung for too long."""
        return not self._stuck_too_long()

    def is_ready(self) -> bool:
        """Whether the server takes requests."""
        return not self._health().reasons

    async def live(self, response: Response) -> Health:
        """200 while the event loop runs, and 503 once a forward pass has hung for too long.

        Overload or a failed model does not fail this probe.
        """
        if not self.is_live():
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
            return Health(status="stuck", reasons=["a forward pass does not return"])
        return Health(status="live")

    async def started(self, response: Response) -> Health:
        """200 once every desired version is ready; until then 503 with the missing versions."""
        health = self._loading()
        if health.reasons:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return health

    async def ready(self, response: Response) -> Health:
        """200 while the server takes requests; 503 while it loads, after a failed load, and while it stops."""
        health = self._health()
        if health.reasons:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return health

    async def detailed(self, response: Response) -> DetailedHealth:
        """Health with memory, CPU, devices and the state of every version; 200 or 503 as /readyz."""
        health = await self.ready(response)
        cpu_percent, memory_bytes, threads = self._measured()
        return DetailedHealth(
            status=health.status,
            reasons=health.reasons,
            remarks=health.remarks,
            server_version=__version__,
            uptime_seconds=round(time.time() - self._started, 3),
            cpu_percent=cpu_percent,
            memory_bytes=memory_bytes,
            threads=threads,
            requests_in_flight=self._state.in_flight,
            devices=[
                DeviceMemory(device=name, used_bytes=used, total_bytes=total)
                for name, used, total in self._device_memory()
            ],
            versions=[
                VersionHealth(model=each.name, version=each.version, state=each.state, reason=each.reason)
                for each in self._registry.statuses()
            ],
            background_tasks=[TaskHealth(**asdict(each)) for each in self._tasks()],
            files=[FileHealth(**asdict(each)) for each in self._files()],
        )

    def _measured(self) -> tuple[float | None, int | None, int | None]:
        """CPU, memory and threads; all `None` if no file descriptor is left to read them."""
        try:
            with self._process.oneshot():
                return self._process.cpu_percent(), self._process.memory_info().rss, self._process.num_threads()
        except (OSError, psutil.Error):
            return None, None, None

    def _loading(self) -> Health:
        missing = self._registry.missing()
        remarks = self._registry.remarks
        if not missing and not self._registry.empty:
            return Health(status="started", remarks=remarks)
        reasons = [each.lack for each in missing]
        states = {each.state for each in missing}
        worst = next((state for state in (VersionState.FAILED, VersionState.STUCK) if state in states), None)
        if not reasons:  # a skipped folder may be the reason why nothing is desired
            reasons, remarks = [self._registry.desired_error or "no model is desired", *remarks], []
        return Health(status=worst or "loading", reasons=reasons, remarks=remarks)

    def _health(self) -> Health:
        if self._state.stopping:
            return Health(status="draining", reasons=["the server was told to stop"])
        loading = self._loading()
        if loading.reasons:
            return loading
        if self._state.phase is not Phase.SERVING:
            return Health(status="loading", reasons=["the server is starting"])
        return Health(status="ready", remarks=loading.remarks)
