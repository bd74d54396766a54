"""The statistics of models in the form of Triton's extension, from the metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from plimsoll.control.version_registry import VersionRegistry
from plimsoll.inference.served_version import ServedVersion
from plimsoll.telemetry.version_statistics import NO_FIGURES, FiguresByVersion, VersionFigures

_NANOSECONDS = 1_000_000_000
_MILLISECONDS = 1_000


class CountedTime(BaseModel):
    """A number of events, and the sum of their durations."""

    count: int
    ns: int = Field(description="Nanoseconds.")


class InferenceStatistics(BaseModel):
    """Counts and times of requests and of their parts."""

    success: CountedTime = Field(description="Requests that were answered 200, from their arrival to the answer.")
    fail: CountedTime = Field(description="Requests that ended with another status; their time is not measured.")
    queue: CountedTime = Field(description="Waits of requests for their batch.")
    compute_input: CountedTime = Field(description="Not measured.")
    compute_infer: CountedTime = Field(description="Forward passes.")
    compute_output: CountedTime = Field(description="Not measured.")
    cache_hit: CountedTime = Field(description="Look-ups in the response cache; their time is not measured.")
    cache_miss: CountedTime = Field(description="Likewise.")


class VersionStatistics(BaseModel):
    """The statistics of one version."""

    name: str
    version: str
    last_inference: int = Field(
        description="When this process began its last forward pass, in milliseconds since 1970; 0 if it had none."
    )
    inference_count: int = Field(description="Rows that have run.")
    execution_count: int = Field(description="Forward passes.")
    inference_stats: InferenceStatistics
    batch_stats: list[CountedTime] = Field([], description="Always empty: times by the size of a batch are not kept.")


class ModelStatistics(BaseModel):
    """The statistics of the versions that answer, since the server has started; of all its workers together."""

    model_config = ConfigDict(protected_namespaces=())

    model_stats: list[VersionStatistics]


class OipStatistics:
    """Answers with the statistics of versions. `figures` reads the metrics, and may be called on any thread."""

    def __init__(self, registry: VersionRegistry, figures: Callable[[], FiguresByVersion]) -> None:
        self._registry = registry
        self._figures = figures

    async def all_models(self) -> ModelStatistics:
        """The statistics of all versions that answer."""
        return await self._of(each.served for each in self._registry.answering() if each.served is not None)

    async def model(self, request: Request) -> ModelStatistics:
        """The statistics of the version that the path names, or of all versions of the model that answer."""
        named = request.path_params
        table = self._registry.table
        chosen = table.likeliest(named["name"], named.get("version"))  # refuses what does not answer
        return await self._of([chosen] if "version" in named else table.models[chosen.name].ready)

    async def _of(self, versions: Iterable[ServedVersion]) -> ModelStatistics:
        listed = list(versions)
        figures = await run_in_threadpool(self._figures)
        return ModelStatistics(
            model_stats=[_statistics(each, figures.get((each.name, each.version), NO_FIGURES)) for each in listed]
        )


def _statistics(served: ServedVersion, figures: VersionFigures) -> VersionStatistics:
    unmeasured = _counted(0, 0)
    return VersionStatistics(
        name=served.name,
        version=served.version,
        last_inference=_last_inference(served),
        inference_count=figures.rows,
        execution_count=figures.batches,
        inference_stats=InferenceStatistics(
            success=_counted(figures.answered, figures.answered_seconds),
            fail=_counted(figures.failed, 0),
            queue=_counted(figures.waits, figures.wait_seconds),
            compute_input=unmeasured,
            compute_infer=_counted(figures.batches, figures.forward_seconds),
            compute_output=unmeasured,
            cache_hit=_counted(figures.cache_hits, 0),
            cache_miss=_counted(figures.cache_misses, 0),
        ),
    )


def _counted(count: int, seconds: float) -> CountedTime:
    return CountedTime(count=count, ns=round(seconds * _NANOSECONDS))


def _last_inference(served: ServedVersion) -> int:
    forward = served.lane.forward
    began = forward.since or forward.last_since
    return 0 if began is None else round((time.time() - (forward.clock() - began)) * _MILLISECONDS)
