"""The index page: the server's name, its version, and links."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel, Field

from plimsoll.api.path_prefix import PathPrefix


class Links(BaseModel):
    """Paths of other pages, with the prefix under which a proxy publishes this server."""

    docs: str = Field(examples=["/docs"])
    redoc: str = Field(examples=["/redoc"])
    openapi: str = Field(examples=["/openapi.json"])
    models: str = Field(examples=["/v1/models"])
    predict: str = Field(examples=["/v1/predict"])
    open_inference: str = Field(examples=["/v2"], description="The same models for clients of Triton and KServe.")
    health: str = Field(examples=["/v1/health"])


class IndexPage(BaseModel):
    """The server's name and version, and links."""

    name: str = Field(examples=["plimsoll"])
    version: str = Field(description="Of the server.", examples=["1.0.0"])
    status: Literal["alive"] = Field("alive", description="KServe's clients of v1 look for it.")
    links: Links


class Index:
    """Answers GET /."""

    def __init__(self, version: str, prefix: PathPrefix) -> None:
        self._version = version
        self._prefix = prefix

    async def page(self, request: Request) -> IndexPage:
        """This server's name and version, and links to more."""
        prefix = self._prefix.of(request.scope)
        links = Links(
            docs=f"{prefix}/docs",
            redoc=f"{prefix}/redoc",
            openapi=f"{prefix}/openapi.json",
            models=f"{prefix}/v1/models",
            predict=f"{prefix}/v1/predict",
            open_inference=f"{prefix}/v2",
            health=f"{prefix}/v1/health",
        )
        return IndexPage(name="plimsoll", version=self._version, links=links)
