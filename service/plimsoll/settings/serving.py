"""The settings of what is served: models, devices, batches, queues and time limits."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from plimsoll.bundle.manifest import FACTORY
from plimsoll.settings.comma_lists import parts_of


class ServingSettings(BaseSettings):
    """Which models are served, and within which limits."""

    models_dir: Path = Field(Path("models"), description="Folder of bundles, `<name>/<version>/` each.")
    desired_state: Path | None = Field(
        None, description="YAML file naming the models and versions to serve; without it the highest of each model."
    )
    default_model: str | None = Field(
        None, description="The model behind /v1/predict; not needed where exactly one is loaded."
    )
    track: Literal["stable", "canary"] | None = Field(
        None, description="Which side of a rollout this pod is on. Set by the chart, empty elsewhere."
    )
    device: str = Field("auto", description="auto (a GPU where there is one), cpu, cuda or cuda:N.")
    cpus: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None,
        description="CPUs that this server may keep busy; without it those that the process may run on. The chart "
        "tells the pod's limit, or its request where it has none.",
    )
    torch_threads: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None,
        description="Threads of one forward pass on the CPU, where it does not run on the event loop; without it each "
        "worker's share of the CPUs.",
    )
    inline_budget_ms: Annotated[float, Field(ge=0, le=1000)] = Field(
        1.0, description="A batch that warm-up measured as faster than this runs on the event loop itself."
    )
    trust_pt2: bool = Field(
        default=False, description="Open .pt2 programs. Their loader unpickles, so a hostile file runs its own code."
    )
    factories: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Factories `package.module:callable` that bundles may have called, with commas between them."
    )
    max_batch_rows: Annotated[int, Field(ge=1, le=4096)] = Field(
        128, description="The most rows that one run of a model takes; a request of more gets a run of its own."
    )
    max_wait_ms: Annotated[float, Field(ge=0, le=10_000)] = Field(
        0.0,
        description="How long the first request of a batch waits for company while the model is idle. Requests that "
        "come together share a batch all the same.",
    )
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = Field(
        64, description="Requests in flight at which a version works best; what pods are scaled by."
    )
    queue_limit: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="The most requests in flight, running and queued, per version and worker; then 429. "
        "Twice the concurrency where it is not set.",
    )
    max_reading: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        description="The most request bodies that are being read, per version and worker; then 429. "
        "Four times the queue limit where it is not set.",
    )
    queue_bytes: Annotated[int, Field(ge=1024)] = Field(
        256 << 20, description="The most bytes of request bodies in flight per version and worker; then 429."
    )
    cache_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Keep the answers to inputs that come again, up to this many bytes; 0 keeps none."
    )
    request_timeout_ms: Annotated[int, Field(ge=1, le=86_400_000)] = Field(
        30_000, description="How long a request may take that sets no X-Request-Timeout-Ms; then 504."
    )
    max_request_timeout_ms: Annotated[int, Field(ge=1, le=86_400_000)] = Field(
        300_000, description="The most that X-Request-Timeout-Ms may ask for."
    )
    start_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        180.0,
        description="How long loading, checking and warming up a version may take; then it has failed.",
    )
    stuck_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60.0,
        description="A forward pass that runs longer makes its version stuck and the server unready; after as long "
        "again /livez fails and Kubernetes restarts the pod. Ten times the slowest warm-up where that is longer.",
    )
    ready_when: Literal["any", "all"] = Field(
        "any",
        description="any: ready once every wanted version is ready or has failed and at least one serves. "
        "all: ready once every wanted version is.",
    )
    objective_ms: Annotated[float, Field(gt=0, le=600_000)] = Field(
        100.0, description="Latency objective, always an edge of the duration histogram."
    )

    @field_validator("factories", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:  # noqa: ANN401  # whatever the environment holds
        return parts_of(value) if isinstance(value, str) else value

    @field_validator("factories")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for factory in value:
            if not re.fullmatch(FACTORY, factory):
                raise ValueError(f"{factory!r} is not of the form package.module:callable")
        return value

    @property
    def objective_seconds(self) -> float:
        """The latency objective in the unit of the histogram."""
        return self.objective_ms / 1000

    @property
    def hard_queue_limit(self) -> int:
        """The queue limit in force."""
        return self.queue_limit or 2 * self.concurrency

    @property
    def inline_budget_seconds(self) -> float:
        """The inline budget in seconds."""
        return self.inline_budget_ms / 1000


def cpus_of_process() -> int:
    """How many CPUs this process may keep busy: those it may run on, or its cgroup's quota, rounded up, if less."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1  # not Linux
    return max(1, math.ceil(min(len(os.sched_getaffinity(0)), cpu_quota())))


def cpu_quota(process: Path = Path("/proc/self"), root: Path = Path("/sys/fs/cgroup")) -> float:
    """CPUs that the cgroups of a process allow it together; infinite where none of them, and none above, has a quota.

    `process` is its folder in /proc, `root` where cgroups are mounted, of version 2 or 1.
    """
    try:
        lines = (process / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    quotas = [math.inf]
    for line in lines:
        _, _, names_and_path = line.partition(":")
        controllers, _, path = names_and_path.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / controllers if controllers else root
        # In a container the path may be the host's and not be there; the mount is then the container's own group.
        group = mount / path.strip("/")
        quotas += [_quota(each) for each in (group, *group.parents) if each.is_relative_to(mount)]
    return min(quotas)


def _quota(group: Path) -> float:
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period"))
        allowed = float(quota) / float(period)
    except (OSError, ValueError):  # no quota, which version 2 calls "max"
        return math.inf
    return allowed if allowed > 0 else math.inf
