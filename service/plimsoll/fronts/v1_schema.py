"""The bodies that /v1 predict takes and gives, as documentation: the hot path works without these classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from plimsoll.fronts.v1_json import MAX_ROWS
from plimsoll.inference.payloads import TensorSpec

Json = dict[str, Any]
"""A JSON object."""


class Prediction(BaseModel):
    """The answer for one row."""

    class_: str | int = Field(
        alias="class",
        description="The label with the highest probability; of a model with a threshold, the one that it decides for.",
        examples=[7],
    )
    probabilities: list[float] = Field(
        description="One for each label, in the order of the signature.", examples=[[0.0, 0.01, 0.99]]
    )


class PredictAnswer(BaseModel):
    """The answer of predict, for one row and for many."""

    model_config = ConfigDict(protected_namespaces=())

    model: str = Field(examples=["digits"])
    version: str = Field(description="The version that answered.", examples=["2"])
    latency_ms: float = Field(description="Inside the server, from the request's arrival.", examples=[0.8])
    predictions: list[Prediction]


_ANY_ROW: Json = {"type": "array", "items": {"type": "number"}, "description": "As many numbers as the signature says."}
_USER = {
    "type": "string",
    "description": "The same text gets the same version. The header x-plimsoll-user overrides it.",
}


def predict_request_body(row: Json, examples: Json) -> Json:
    """The request body in OpenAPI terms, with rows of that schema and these examples."""
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    schema = {"oneOf": [_one_field("One row", "features", row), _one_field("Many rows", "instances", rows)]}
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}


def predict_examples(row: Sequence[float] | NDArray[Any]) -> dict[str, Json]:
    """Bodies that hold this row, as OpenAPI's examples by name."""
    return {
        "one-row": {"summary": "One row", "value": {"features": row}},
        "two-rows": {"summary": "Two rows", "value": {"instances": [row, row]}},
    }


def row_schema(spec: TensorSpec) -> Json:
    """A row of this input."""
    width, bounds = spec.shape[1], {"minimum": spec.minimum, "maximum": spec.maximum}
    number = {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}
    described = f"{width} numbers: {spec.name}."
    return {"type": "array", "items": number, "minItems": width, "maxItems": width, "description": described}


def answer_schema(name: str, version: str, labels: Sequence[str | int]) -> Json:
    """The answer of one version, as a refinement of `PredictAnswer`."""
    prediction = {
        "class": {"enum": list(labels)},
        "probabilities": {"minItems": len(labels), "maxItems": len(labels)},
    }
    return {
        "properties": {
            "model": {"const": name},
            "version": {"const": version},
            "predictions": {"items": {"properties": prediction}},
        }
    }


def _one_field(title: str, name: str, schema: Json) -> Json:
    return {
        "title": title,
        "type": "object",
        "properties": {name: schema, "user": _USER},
        "required": [name],
        "additionalProperties": False,
    }


PREDICT_REQUEST_BODY = predict_request_body(_ANY_ROW, predict_examples([0.0, 0.5, 1.0]))
"""The request body where the model is not known."""
