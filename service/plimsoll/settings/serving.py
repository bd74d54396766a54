"""The settings of what is served: models, devices, batches, queues and time limits."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from plimsoll.bundle.model_formats import FACTORY
from plimsoll.inference.batch_limits import MAX_ELEMENTS
from plimsoll.inference.task_limits import MOST_INPUT_TOKENS
from plimsoll.settings.comma_lists import parts_of


class ServingSettings(BaseSettings):
    """Which models are served, and within which limits."""

    models_dir: Path = Field(Path("models"), description="Folder of the bundles, each in `<name>/<version>/`.")
    desired_state: Path | None = Field(
        None,
        description="YAML file that lists the models and versions to serve. Default: the highest "
        "version of each model.",
    )
    default_model: str | None = Field(
        None, description="Model that answers /v1/predict. Not needed when exactly one model is loaded."
    )
    track: Literal["stable", "canary"] | None = Field(
        None, description="Track of this pod in a canary rollout: stable or canary. The chart sets it."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N. auto uses a GPU if there is one.")
    cpus: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None,
        description="Number of CPUs that this server may use. Default: the CPUs on which the process may "
        "run. The chart sets the pod's CPU limit, or its request if it has no limit.",
    )
    torch_threads: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None,
        description="Threads of a forward pass on the CPU that does not run on the event loop. Default: the "
        "worker's share of the CPUs.",
    )
    inline_budget_ms: Annotated[float, Field(ge=0, le=1000)] = Field(
        1.0, description="A batch runs on the event loop if warm-up measured it as faster than this."
    )
    trust_pt2: bool = Field(
        default=False, description="Load .pt2 programs. Their loader unpickles, so a hostile file can run its own code."
    )
    factories: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Factories (`package.module:callable`) that bundles may call, comma-separated."
    )
    max_batch_rows: Annotated[int, Field(ge=1, le=4096)] = Field(
        128, description="Most rows in one batch. A request with more rows gets a batch of its own."
    )
    max_batch_elements: Annotated[int, Field(ge=1, le=1 << 32)] = Field(
        MAX_ELEMENTS,
        description="Most elements of all inputs, padding included, in one batch of rows whose length the model leaves "
        "open. A single row may have more; several rows of one request that have more run in several batches.",
    )
    max_input_tokens: Annotated[int, Field(ge=1, le=1 << 18)] = Field(
        MOST_INPUT_TOKENS,
        description="Most tokens of one text that a model reads, if the model itself reads more. The answer "
        "counts the tokens that are cut off.",
    )
    max_wait_ms: Annotated[float, Field(ge=0, le=10_000)] = Field(
        0.0,
        description="How long the first request of a batch waits for others while the model is idle. Even "
        "with 0, requests that arrive together share a batch, and after a run of some milliseconds a batch waits for "
        "the clients that were just answered, if these usually ask again at once.",
    )
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = Field(
        64, description="Number of requests in flight at which a version works best. Autoscaling is based on it."
    )
    queue_limit: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="Most requests in flight (running and queued) per version and worker. More are answered "
        "429. Default: twice the concurrency.",
    )
    max_reading: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        description="Most request bodies that are being read at once, per version and worker. More are "
        "answered 429. Default: four times the queue limit.",
    )
    queue_bytes: Annotated[int, Field(ge=1024)] = Field(
        256 << 20, description="Most bytes of request bodies in flight, per version and worker. More are answered 429."
    )
    cache_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Size of the response cache in bytes. 0 disables it."
    )
    request_timeout_ms: Annotated[int, Field(ge=1, le=86_400_000)] = Field(
        30_000, description="Default timeout of a request, used without X-Request-Timeout-Ms. Then the answer is 504."
    )
    max_request_timeout_ms: Annotated[int, Field(ge=1, le=86_400_000)] = Field(
        300_000, description="Highest timeout that X-Request-Timeout-Ms may set."
    )
    start_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        180.0,
        description="Time limit for loading, checking and warming up a version. Then the version has failed.",
    )
    warmup_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        10.0,
        description="Warm-up begins no run that would end after this time. Batch sizes that it leaves out never run on "
        "the event loop.",
    )
    stuck_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60.0,
        description="Time limit of a forward pass. After it the version is stuck, and the server is not "
        "ready if no other version serves. After twice the time /livez fails and Kubernetes "
        "restarts the pod. At least ten times the slowest warm-up run.",
    )
    ready_when: Literal["any", "all"] = Field(
        "any",
        description="any: the server is ready when every wanted version is ready or has failed and at least "
        "one is ready. all: when every wanted version is ready.",
    )
    objective_ms: Annotated[float, Field(gt=0, le=600_000)] = Field(
        100.0, description="Latency objective. It is always a bucket boundary of the duration histogram."
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
    """Return the number of CPUs for this process: those it may run on, or its cgroup's quota, rounded up, if less."""
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
