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


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DesiredVersion(_Record):
    """One version that should serve."""

    version: ModelVersion


class DesiredModel(_Record):
    """One model and its versions."""

    name: ModelName
    versions: Annotated[list[DesiredVersion], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        versions = [each.version for each in self.versions]
        if len(set(versions)) != len(versions):
            raise ValueError(f"model '{self.name}' lists a version twice")
        return self


class DesiredState(_Record):
    """Everything that should serve."""

    models: list[DesiredModel]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            raise ValueError("a model is listed twice; put its versions under one entry")
        return self


def read_desired_state(file: Path) -> DesiredState:
    """The desired state in `file`.

    Raises:
        DesiredStateError: the file cannot be read, is not YAML, or has wrong fields; the message names them.
    """
    try:
        with file.open("rb") as stream:
            document = stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise DesiredStateError(f"the desired state {file} cannot be read: {error.strerror}") from None
    if len(document) > MAX_DOCUMENT_BYTES:
        raise DesiredStateError(f"the desired state {file} is longer than {MAX_DOCUMENT_BYTES} bytes")
    try:
        return DesiredState.model_validate(yaml.safe_load(document))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'the document'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise DesiredStateError(f"the desired state {file} has wrong fields: {faults}") from None
    except Exception as error:  # noqa: BLE001  # PyYAML lets KeyError, AttributeError and more through
        raise DesiredStateError(f"the desired state {file} is not YAML: {' '.join(str(error).split())}") from None


def highest_of_each(shelf: Shelf) -> DesiredState:
    """The highest version of every model on the shelf."""
    return DesiredState(
        models=[
            DesiredModel(name=name, versions=[DesiredVersion(version=versions[-1])])
            for name, versions in shelf.versions().items()
        ]
    )
