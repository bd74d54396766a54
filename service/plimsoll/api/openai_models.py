"""Lists the models that make embeddings, in the form of OpenAI's API."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from plimsoll.control.version_registry import LoadReport, VersionRegistry
from plimsoll.errors import NotFound, Unavailable
from plimsoll.inference.served_version import ServedVersion
from plimsoll.quoting import quote
from plimsoll.tasks.embeddings import Embeddings


class OpenAIModel(BaseModel):
    """One model."""

    id: str = Field(description="What the field `model` of a request may say.", examples=["minilm"])
    object: Literal["model"] = "model"
    created: int = Field(description="When the version that answers was loaded, in seconds since 1970.")
    owned_by: str = "plimsoll"


class OpenAIModelList(BaseModel):
    """All models that the routes under /openai serve."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


class OpenAIModels:
    """Reads the registry for the routes of models; a model of another task is none of theirs."""

    def __init__(self, registry: VersionRegistry) -> None:
        self._registry = registry

    async def models(self) -> OpenAIModelList:
        """The models that make embeddings and answer, by name."""
        found = []
        for name in sorted(self._registry.table.models):
            try:
                served, report = self._registry.likeliest(name)
            except Unavailable:  # it is being loaded, or cannot be
                continue
            if isinstance(served.task, Embeddings):
                found.append(_described(name, report))
        return OpenAIModelList(data=found)

    async def model(self, name: str) -> OpenAIModel:
        """One model by its name, or one version of it as `NAME:VERSION`."""
        model, colon, version = name.partition(":")
        served, report = self._registry.likeliest(model, version if colon else None)
        _require_embeddings(served)
        return _described(name, report)


def _require_embeddings(served: ServedVersion) -> None:
    if not isinstance(served.task, Embeddings):
        raise NotFound(
            f"the model {quote(served.name)} makes no embeddings",
            code="model_not_found",
            expected="a model with the task embeddings; GET /openai/v1/models lists them",
        )


def _described(asked: str, report: LoadReport) -> OpenAIModel:
    return OpenAIModel(id=asked, created=int(report.loaded_at.timestamp()))
