"""Lists the models and their versions, for people and tools."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Query
from pydantic import BaseModel, Field

from plimsoll.bundle.manifest import ImagePreprocessing, Metric, TrainingData
from plimsoll.bundle.sample_request import LONGEST_BODY
from plimsoll.bundle.tensor_records import ManifestSignature
from plimsoll.control.version_registry import VersionRegistry, VersionState, VersionStatus, own_state
from plimsoll.errors import NotFound


class VersionSummary(BaseModel):
    """One version in a list."""

    version: str = Field(examples=["1"])
    state: str = Field(examples=["ready"])
    reason: str | None = Field(None, description="Why it failed, or why it could not be loaded anew.")
    weight: int | None = Field(None, description="Its share of the requests that pin nothing, in percent.")


class VersionDetail(VersionSummary):
    """One version with its details, which are set once it is ready."""

    model: str
    task: str | None = None
    options: dict[str, Any] | None = Field(None, description="The options of the task, as the manifest has them.")
    description: str | None = None
    signature: ManifestSignature | None = None
    preprocessing: ImagePreprocessing | None = Field(None, description="How a picture becomes a row.")
    format: str | None = None
    digest: str | None = Field(None, description="sha256 of the manifest, which holds the digest of every file.")
    parameters: int | None = None
    device: str | None = None
    inline_rows: int | None = Field(None, description="The most rows that run on the event loop itself.")
    batch_seconds: dict[int, float] | None = Field(None, description="Measured at warm-up, by number of rows.")
    loaded_at: datetime | None = None
    load_seconds: float | None = None
    warmup_seconds: float | None = None
    licence: str | None = None
    training_data: TrainingData | None = None
    metrics: dict[str, Metric] | None = None


class GoldenExample(BaseModel):
    """A request with its expected predictions, each number within `absolute_tolerance + relative_tolerance * |it|`."""

    model: str
    version: str
    task: str
    body: Any = Field(description="The JSON body of a predict request; a text is the body as it stands.")
    predictions: list[Any] | None = Field(None, description="Absent if rows of this model are padded.")
    absolute_tolerance: float
    relative_tolerance: float


class ModelSummary(BaseModel):
    """One model in a list."""

    name: str = Field(examples=["digits"])
    versions: list[VersionSummary]


class ModelDetail(BaseModel):
    """One model with everything about its versions, lowest first."""

    name: str
    ready: bool = Field(description="Whether at least one version answers.")
    versions: list[VersionDetail]


class ModelPage(BaseModel):
    """Part of the list of models, by name."""

    models: list[ModelSummary]
    desired_state_error: str | None = Field(None, description="Why the newest desired state is not followed.")
    remarks: list[str] = Field([], description="What lies in the models folder and is passed over, and why.")
    total: int = Field(description="How many models there are in all.")
    limit: int
    offset: int


class Catalog:
    """Reads the registry for the /v1/models routes.

    `slowest` returns a version's state in the worker whose load has progressed least, and
    `others_have` says whether another worker has a model, if there are several workers.
    """

    def __init__(
        self,
        registry: VersionRegistry,
        slowest: Callable[[VersionStatus], tuple[VersionState, str | None]] = own_state,
        others_have: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._registry = registry
        self._slowest = slowest
        self.others_have = others_have

    async def models(
        self,
        limit: Annotated[int, Query(ge=1, le=100, description="At most this many models.")] = 20,
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="After this many models.")] = 0,
    ) -> ModelPage:
        """The models that are served or being loaded."""
        by_name: dict[str, list[VersionSummary]] = {}
        for each in self._registry.statuses():
            by_name.setdefault(each.name, []).append(VersionSummary(**self._summary(each)))
        page = [ModelSummary(name=name, versions=versions) for name, versions in by_name.items()]
        return ModelPage(
            models=page[offset : offset + limit],
            desired_state_error=self._registry.desired_error,
            remarks=self._registry.remarks,
            total=len(page),
            limit=limit,
            offset=offset,
        )

    async def model(self, name: str) -> ModelDetail:
        """One model with all its versions."""
        self._registry.table.require(name)
        versions = [self._detail(each) for each in self._registry.statuses() if each.name == name]
        return ModelDetail(
            name=name, ready=any(each.state == VersionState.READY for each in versions), versions=versions
        )

    async def version(self, name: str, version: str) -> VersionDetail:
        """One version of one model."""
        self._registry.table.require(name, version)
        return self._detail(self._registry.status(name, version))

    async def golden(self, name: str, version: str) -> GoldenExample:
        """One request with the predictions that this version has to give; for smoke tests.

        Raises:
            NotFound: the version does not answer yet, or its golden samples are too long to be shown.
        """
        self._registry.table.require(name, version)
        report = self._registry.status(name, version).report
        if report is None or report.sample is None:
            raise NotFound(
                f"version {version} of {name} has no golden request to show", code="no_golden_request",
                expected=f"a version that is ready and has a golden request or sample of at most {LONGEST_BODY} bytes",
            )  # fmt: skip
        golden, (body, predictions) = report.manifest.golden, report.sample
        return GoldenExample(
            model=name,
            version=version,
            task=report.manifest.task,
            body=_document(body),
            predictions=predictions,
            absolute_tolerance=golden.absolute_tolerance,
            relative_tolerance=golden.relative_tolerance,
        )

    def state_of(self, status: VersionStatus) -> tuple[VersionState, str | None]:
        """The state of a version in the worker whose load has progressed least, and the reason if it has failed."""
        return self._slowest(status)

    def _detail(self, status: VersionStatus) -> VersionDetail:
        return VersionDetail(model=status.name, **self._summary(status), **_facts(status))

    def _summary(self, status: VersionStatus) -> dict[str, Any]:
        state, reason = self.state_of(status)
        weight = self._registry.weight(status.name, status.version)
        return {"version": status.version, "state": state, "reason": reason, "weight": weight}


def _document(body: bytes) -> Any:  # noqa: ANN401  # JSON
    """The JSON object or array of a body; another body stays the text that it is."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    return document if isinstance(document, dict | list) else body.decode(errors="replace")


def _facts(status: VersionStatus) -> dict[str, Any]:
    if status.report is None or status.served is None:
        return {}
    report, manifest = status.report, status.report.manifest
    return {
        "task": manifest.task,
        "options": manifest.options,
        "description": manifest.description,
        "signature": manifest.signature,
        "preprocessing": manifest.preprocessing,
        "format": manifest.model.format,
        "digest": report.digest,
        "parameters": report.parameters,
        "device": report.device,
        "inline_rows": status.served.lane.inline_rows,
        "batch_seconds": report.batch_seconds,
        "loaded_at": report.loaded_at,
        "load_seconds": round(report.load_seconds, 3),
        "warmup_seconds": round(report.warmup_seconds, 3),
        "licence": manifest.licence,
        "training_data": manifest.training_data,
        "metrics": manifest.metrics,
    }
