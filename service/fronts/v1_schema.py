"""What /v1 predict takes and gives, as documentation: the hot path decodes and encodes without these classes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.fronts.v1_json import MAX_ROWS


class Prediction(BaseModel):
    """The answer for one row."""

    class_: str | int = Field(alias="class", description="The label with the highest probability.", examples=[7])
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


_ROW = {"type": "array", "items": {"type": "number"}, "description": "As many numbers as the signature says."}
_USER = {
    "type": "string",
    "description": "The same text gets the same version; the header x-plimsoll-user goes before it.",
}

PREDICT_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    {
                        "title": "One row",
                        "type": "object",
                        "properties": {"features": _ROW, "user": _USER},
                        "required": ["features"],
                        "additionalProperties": False,
                    },
                    {
                        "title": "Many rows",
                        "type": "object",
                        "properties": {
                            "instances": {"type": "array", "items": _ROW, "minItems": 1, "maxItems": MAX_ROWS},
                            "user": _USER,
                        },
                        "required": ["instances"],
                        "additionalProperties": False,
                    },
                ]
            },
            "examples": {
                "one row": {"value": {"features": [0.0, 0.5, 1.0]}},
                "two rows": {"value": {"instances": [[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]]}},
            },
        }
    },
}
"""The request body in OpenAPI terms."""
