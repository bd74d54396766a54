"""The desired state: a YAML file that lists the models to serve, or by default the highest version of each model."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plimsoll.bundle.manifest import ModelName, ModelVersion
from plimsoll.bundle.shelf import Shelf
from plimsoll.errors import DesiredStateError
from plimsoll.yaml_file import YamlFile

WHOLE = 100
"""The sum of the weights of a model: percent."""


class _Record(BaseModel):
    # Strict: `weight: true` and `weight: "50"` are mistakes, not the numbers 1 and 50.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DesiredVersion(_Record):
    """One version that should serve.

    `weight` is its share of the requests that pin no version, in percent. A higher `generation` loads it again. `force`
    lets it replace a version with another signature.
    """

    version: ModelVersion
    weight: Annotated[int, Field(ge=0, le=100)] | None = None
    generation: Annotated[int, Field(ge=0)] = 0
    force: bool = False


class DesiredLimits(_Record):
    """The limits of one model; the settings give the missing ones."""

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
        """Whether the versions have weights."""
        return self.versions[0].weight is not None


class DesiredState(_Record):
    """All models and versions that should serve."""

    models: list[DesiredModel]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            raise ValueError("a model is listed twice; put its versions under one entry")
        return self


@dataclass(frozen=True, slots=True)
class StateRules:
    """The rules that a server's settings impose on a desired state.

    In a pod of the chart `may_split` is false, because it serves one version. The longest wait for a batch must be
    below `objective_ms`, the latency objective.
    """

    may_split: bool = True
    objective_ms: float = inf

    def check(self, state: DesiredState, name: str) -> None:
        """Check a state; `name` names its file in messages.

        Raises:
            DesiredStateError: the state breaks a rule; the message says which, and how to correct it.
        """
        if not self.may_split and any(model.weighted for model in state.models):
            raise DesiredStateError(
                f"{name} splits requests by weight, and PLIMSOLL_TRACK is set: on a cluster the chart splits them, "
                "between pods of one version each; remove the weights"
            )
        for model in state.models:
            wait_ms = model.limits.max_wait_ms
            if wait_ms is not None and wait_ms >= self.objective_ms:
                raise DesiredStateError(
                    f"{name} lets a request of model '{model.name}' wait {wait_ms:g} ms for its batch, and "
                    f"PLIMSOLL_OBJECTIVE_MS is {self.objective_ms:g}: it would be late before it runs; "
                    "lower max_wait_ms"
                )


NO_RULES = StateRules()


def desired_state_file(path: Path) -> YamlFile:
    """The YAML file of a desired state."""
    return YamlFile(path, "desired state", DesiredStateError)


def parse_desired_state(file: YamlFile, document: bytes, rules: StateRules) -> DesiredState:
    """Parse a document of the file.

    Raises:
        DesiredStateError: the document is not YAML, has wrong fields or breaks a rule; the message says which.
    """
    state = file.parse(document, DesiredState)
    rules.check(state, file.name)
    return state


def read_desired_state(path: Path, rules: StateRules = NO_RULES) -> DesiredState:
    """Read and parse the file as it is now.

    Raises:
        DesiredStateError: the file cannot be read; or see `parse_desired_state`.
    """
    file = desired_state_file(path)
    return parse_desired_state(file, file.read(), rules)


def highest_of_each(shelf: Shelf) -> DesiredState:
    """The highest version of every model in the folder of bundles."""
    return DesiredState(
        models=[
            DesiredModel(name=name, versions=[DesiredVersion(version=versions[-1])])
            for name, versions in shelf.versions().items()
        ]
    )
