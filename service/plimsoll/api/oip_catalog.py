"""Describes the server and its models in the form of the Open Inference Protocol."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from plimsoll.api.oip_config import config_of
from plimsoll.api.serving_state import ServingState
from plimsoll.bundle.model_formats import platform_of
from plimsoll.control.version_registry import LoadReport, VersionRegistry
from plimsoll.errors import Draining
from plimsoll.inference.payloads import TensorSpec
from plimsoll.inference.served_version import ServedVersion

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics")
"""The extensions of Triton that work here, by its names."""


class ServerMetadata(BaseModel):
    """The server's name and version, and the extensions of the protocol that it implements."""

    name: str = Field(examples=["plimsoll"])
    version: str = Field(description="Of the server.", examples=["1.0.0"])
    extensions: list[str] = Field(examples=[list(EXTENSIONS)])


class ModelNames(BaseModel):
    """The models that are served or being loaded."""

    models: list[str]


class TensorMetadata(BaseModel):
    """One tensor; the first dimension counts rows, and -1 is any length."""

    name: str = Field(examples=["features"])
    datatype: str = Field(examples=["FP32"])
    shape: list[int] = Field(examples=[[-1, 4]])


class ModelMetadata(BaseModel):
    """One version of a model: its tensors, and in `properties` the facts about it."""

    name: str
    versions: list[str] = Field(description="All versions of the model that answer.")
    platform: str = Field(examples=["pytorch_safetensors"])
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str] = Field(
        description="Of the version that is described: `version`, `digest`, `golden` (always passed, or it would not "
        "answer), `task` and `device`."
    )


class ModelReadiness(BaseModel):
    """A model that answers."""

    name: str
    ready: bool = True


class ModelConfig(BaseModel):
    """Triton's configuration of a model, as far as it says something here; with further fields."""

    model_config = ConfigDict(extra="allow")

    name: str
    platform: str
    max_batch_size: int = Field(description="The most rows of a request.")


class OipCatalog:
    """Reads the registry for the routes of the protocol.

    Without a version in the path, a model is described by the version that a request most likely gets.
    """

    def __init__(self, registry: VersionRegistry, state: ServingState, version: str) -> None:
        self._registry = registry
        self._state = state
        self._version = version

    async def server(self) -> ServerMetadata:
        """The server's name, version and extensions."""
        return ServerMetadata(name="plimsoll", version=self._version, extensions=list(EXTENSIONS))

    async def models(self) -> ModelNames:
        """The models that are served or being loaded."""
        return ModelNames(models=sorted(self._registry.table.models))

    async def model(self, request: Request) -> ModelMetadata:
        """The tensors of a model, and the facts about the version that answers."""
        served, report = self._answering(request)
        return ModelMetadata(
            name=served.name,
            versions=[each.version for each in self._registry.table.models[served.name].ready],
            platform=platform_of(report.manifest.model),
            inputs=[_described(spec) for spec in served.task.wire.inputs],
            outputs=[_described(spec) for spec in served.task.wire.outputs],
            properties={
                "version": served.version,
                "digest": report.digest,
                "golden": "passed",
                "task": report.manifest.task,
                "device": report.device,
            },
        )

    async def ready(self, request: Request) -> ModelReadiness:
        """200 if the model answers, and else 503."""
        served, _ = self._answering(request)
        if self._state.stopping:
            raise Draining(f"model '{served.name}' is not ready: the server was told to stop")
        return ModelReadiness(name=served.name)

    async def config(self, request: Request) -> ModelConfig:
        """The configuration of a model in Triton's form, for its tools."""
        return ModelConfig(**config_of(*self._answering(request)))

    def _answering(self, request: Request) -> tuple[ServedVersion, LoadReport]:
        """The version that the path names, or the likeliest one; raises as `RoutingTable.select` does."""
        named = request.path_params
        return self._registry.likeliest(named["name"], named.get("version"))


def _described(spec: TensorSpec) -> TensorMetadata:
    return TensorMetadata(name=spec.name, datatype=spec.datatype, shape=list(spec.shape))
