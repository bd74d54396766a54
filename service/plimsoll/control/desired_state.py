"""The models that the operator wants served: a small YAML file, or the highest version of each model without one."""

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

    `weight` is its share of the requests that pin nothing, in percent. Raising `generation` loads it anew. `force` lets
    it replace a version of another signature.
    """

    version: ModelVersion
    weight: Annotated[int, Field(ge=0, le=100)] | None = None
    generation: Annotated[int, Field(ge=0)] = 0
    force: bool = False


class DesiredLimits(_Record):
    """The limits of one model; those that are left out come from the settings."""

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


@dataclass(frozen=True, slots=True)
class StateRules:
    """The demands of a server's settings on a desired state.

    A pod of the chart serves one version and splits nothing: there `may_split` is false. No request may wait for its
    batch as long as `objective_ms`, in which it should be answered.
    """

    may_split: bool = True
    objective_ms: float = inf

    def check(self, state: DesiredState, name: str) -> None:
        """Compare a state, of the file that `name` says.

        Raises:
            DesiredStateError: it breaks a rule; the message says which, and what to do.
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
    """The desired state in a document of the file.

    Raises:
        DesiredStateError: the document is not YAML, has wrong fields or breaks a rule; the message says which.
    """
    state = file.parse(document, DesiredState)
    rules.check(state, file.name)
    return state


def read_desired_state(path: Path, rules: StateRules = NO_RULES) -> DesiredState:
    """The desired state in the file as it is now.

    Raises:
        DesiredStateError: the file cannot be read, or as `parse_desired_state`.
    """
    file = desired_state_file(path)
    return parse_desired_state(file, file.read(), rules)


def highest_of_each(shelf: Shelf) -> DesiredState:
    """The highest version of every model on the shelf."""
    return DesiredState(
        models=[
            DesiredModel(name=name, versions=[DesiredVersion(version=versions[-1])])
            for name, versions in shelf.versions().items()
        ]
    )
