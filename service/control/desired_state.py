"""What the operator wants served: a small YAML file, or the shelf's highest versions where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.bundle.manifest import ModelName, ModelVersion
from service.bundle.shelf import Shelf
from service.errors import DesiredStateError

MAX_DOCUMENT_BYTES = 1 << 20
WHOLE = 100
"""What the weights of a model sum to: percent."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DesiredVersion(_Record):
    """One version that should serve.

    `weight` is its share of the requests that pin nothing, in percent. Raising `generation` loads it anew. `force` lets
    it replace a version of another signature.
    """

    version: ModelVersion
    weight: Annotated[int, Field(ge=0, le=100)] | None = None
    generation: Annotated[int, Field(ge=0)] = 0
    force: bool = False


class DesiredLimits(_Record):
    """What one model may hold and how it batches; what is left out comes from the settings."""

    queue_limit: Annotated[int, Field(ge=1, le=100_000)] | None = None
    queue_bytes: Annotated[int, Field(ge=1024)] | None = None
    max_batch_rows: Annotated[int, Field(ge=1, le=4096)] | None = None
    max_wait_ms: Annotated[float, Field(ge=0, le=10_000)] | None = None


class DesiredModel(_Record):
    """One model, its versions and its limits."""

    name: ModelName
    versions: Annotated[list[DesiredVersion], Field(min_length=1)]
    limits: DesiredLimits = DesiredLimits()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        versions = [each.version for each in self.versions]
        if len(set(versions)) != len(versions):
            raise ValueError(f"model '{self.name}' lists a version twice")
        weights = [each.weight for each in self.versions if each.weight is not None]
        if weights and len(weights) < len(versions):
            raise ValueError(f"model '{self.name}' gives weights to some versions only; give all of them one, or none")
        if weights and sum(weights) != WHOLE:
            raise ValueError(f"the weights of model '{self.name}' sum to {sum(weights)}, and must to {WHOLE}")
        return self

    @property
    def weighted(self) -> bool:
        """Whether the split between the versions is stated."""
        return self.versions[0].weight is not None


class DesiredState(_Record):
    """Everything that should serve."""

    models: list[DesiredModel]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            raise ValueError("a model is listed twice; put its versions under one entry")
        return self


def read_desired_state(file: Path, *, weights_allowed: bool = True) -> DesiredState:
    """The desired state in `file`.

    A pod of the chart serves one version and splits nothing: there `weights_allowed` is false.

    Raises:
        DesiredStateError: the file cannot be read, is not YAML, or has wrong fields; the message names them.
    """
    try:
        with file.open("rb") as stream:
            document = stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise DesiredStateError(f"the desired state {file.name} cannot be read: {error.strerror}") from None
    if len(document) > MAX_DOCUMENT_BYTES:
        raise DesiredStateError(f"the desired state {file.name} is longer than {MAX_DOCUMENT_BYTES} bytes")
    try:
        state = DesiredState.model_validate(yaml.safe_load(document))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'the document'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise DesiredStateError(f"the desired state {file.name} has wrong fields: {faults}") from None
    except Exception as error:  # noqa: BLE001  # PyYAML lets KeyError, AttributeError and more through
        raise DesiredStateError(f"the desired state {file.name} is not YAML: {' '.join(str(error).split())}") from None
    if not weights_allowed and any(model.weighted for model in state.models):
        raise DesiredStateError(
            f"the desired state {file.name} splits requests by weight, and PLIMSOLL_TRACK is set: on a cluster the "
            "chart splits them, between pods of one version each; remove the weights"
        )
    return state


def highest_of_each(shelf: Shelf) -> DesiredState:
    """The highest version of every model on the shelf."""
    return DesiredState(
        models=[
            DesiredModel(name=name, versions=[DesiredVersion(version=versions[-1])])
            for name, versions in shelf.versions().items()
        ]
    )
