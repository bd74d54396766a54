"""The JSON of an inference request. Not compiled: msgspec reads the annotations, which a compiled class has not."""

from __future__ import annotations

from typing import Any

import msgspec


class WireInput(msgspec.Struct):
    """One input; `data` is missing if it comes as bytes."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] | None = None
    data: Any = None


class WireOutput(msgspec.Struct):
    """One output that the client wants."""

    name: str
    parameters: dict[str, Any] | None = None


class WireRequest(msgspec.Struct):
    """The whole request; fields that other servers know are ignored."""

    inputs: list[WireInput]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[WireOutput] | None = None
