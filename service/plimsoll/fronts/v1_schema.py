"""Describes the answer of /v1 predict for the OpenAPI document; the hot path does not use these classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from plimsoll.inference.ports import Front, Json


class PredictAnswer(BaseModel):
    """The answer of predict, for one row and for many."""

    model_config = ConfigDict(protected_namespaces=())

    model: str = Field(examples=["digits"])
    version: str = Field(description="The version that answered.", examples=["2"])
    latency_ms: float = Field(description="Inside the server, from the request's arrival.", examples=[0.8])
    predictions: list[dict[str, Any]] = Field(
        description="One result for each row. Its fields are those of the model's task; /v1/models names the task.",
        examples=[[{"class": 7, "probabilities": [0.0, 0.01, 0.99]}]],
    )


class Predictions(BaseModel):
    """The answer of KServe's v1 protocol."""

    predictions: list[Any] = Field(
        description="One result for each row, as in /v1.", examples=[[{"class": 7, "probabilities": [0.0, 0.01, 0.99]}]]
    )


ANY_ROW: Json = {"type": "array", "items": {"type": "number"}, "description": "As many numbers as the signature says."}
"""A row of numbers, for routes on which the model is not known."""


def request_body(fronts: Iterable[Front], item: str, row: Json, examples: Json) -> Json:
    """The request body in OpenAPI terms, in every format of a route that describes one."""
    content = {front.media_types[0]: front.body_content(item, row, examples) for front in fronts}
    return {"required": True, "content": {media_type: each for media_type, each in content.items() if each}}


def predict_examples(item: str, row: Any) -> dict[str, Json]:  # noqa: ANN401  # JSON
    """Bodies that hold this row, as OpenAPI's examples by name."""
    return {
        "one-row": {"summary": "One row", "value": {item: row}},
        "two-rows": {"summary": "Two rows", "value": {"instances": [row, row]}},
    }


def answer_schema(name: str, version: str, result: Json) -> Json:
    """The answer of one version, as a refinement of `PredictAnswer`."""
    return {
        "properties": {
            "model": {"const": name},
            "version": {"const": version},
            "predictions": {"items": result},
        }
    }
