"""Describes the Open Inference Protocol for the OpenAPI document; the hot path does not use these classes."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json

_TENSOR_NAME = Field(examples=["features"])
_SHAPE = Field(description="The batch dimension first.", examples=[[1, 4]])
_DATA = Field(
    None,
    description="The elements, as a flat list in row-major order or as nested lists; missing if they follow as bytes.",
    examples=[[0.0, 0.5, 1.0, 0.5]],
)


class _Record(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class RequestInput(_Record):
    """One input."""

    name: str = _TENSOR_NAME
    datatype: str = Field(examples=["FP32"])
    shape: list[int] = _SHAPE
    parameters: dict[str, Any] | None = Field(None, description="`binary_data_size`: its bytes after the JSON.")
    data: list[Any] | None = _DATA


class RequestOutput(_Record):
    """One output that the client wants."""

    name: str
    parameters: dict[str, Any] | None = Field(
        None, description="`binary_data`: as bytes. `classification`: the number of best classes."
    )


class InferenceRequest(_Record):
    """Tensors by name; the outputs that are wanted, or all of them."""

    id: str | None = None
    parameters: dict[str, Any] | None = Field(
        None, description="`timeout` in microseconds; `binary_data_output`: all outputs as bytes."
    )
    inputs: list[RequestInput]
    outputs: list[RequestOutput] | None = None


def request_schema() -> dict[str, Any]:
    """The JSON schema of a request, whole in itself."""
    schema = InferenceRequest.model_json_schema()
    inputs, outputs = schema["properties"]["inputs"], schema["properties"]["outputs"]["anyOf"][0]
    definitions = schema.pop("$defs")
    inputs["items"], outputs["items"] = definitions["RequestInput"], definitions["RequestOutput"]
    return schema


def request_examples(wire: Signature, inputs: Tensors, row: Any) -> Json:  # noqa: ANN401  # JSON
    """Bodies of one row, as OpenAPI's examples by name; none for a model with tensors that JSON cannot express.

    `inputs` are its tensors without the batch dimension, and `row` is the same row in the form of /v1, for BYTES.
    """
    given = []
    for spec in wire.inputs:
        if spec.datatype == "BF16":
            return {}
        if spec.datatype == "BYTES":
            text = row if isinstance(row, str) else orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).decode()
            shape, data = [1], [text]
        else:
            shape, data = [1, *inputs[spec.name].shape], inputs[spec.name].reshape(-1).tolist()
        given.append({"name": spec.name, "datatype": spec.datatype, "shape": shape, "data": data})
    return {"one-row": {"summary": "One row", "value": {"inputs": given}}}


class AnswerOutput(_Record):
    """One output."""

    name: str = _TENSOR_NAME
    datatype: str = Field(examples=["FP32"])
    shape: list[int] = _SHAPE
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = _DATA


class InferenceAnswer(_Record):
    """The outputs, and the version that computed them."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[AnswerOutput]


class OipError(BaseModel):
    """The body of every answer under /v2 that is not a success."""

    error: str = Field(description="One sentence.")
