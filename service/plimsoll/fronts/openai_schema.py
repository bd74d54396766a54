"""Describes OpenAI's API for the OpenAPI document; the hot path does not use these classes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from plimsoll.fronts.openai_request import LONGEST_NAME
from plimsoll.tasks.number_rows import MAX_ROWS

_Text = Annotated[str, Field(min_length=1)]
_Texts = Annotated[list[_Text], Field(min_length=1, max_length=MAX_ROWS)]


class EmbeddingsBody(BaseModel):
    """Texts for a model of the task `embeddings`."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(
        max_length=LONGEST_NAME, description="A model, or one version of it as `NAME:VERSION`.", examples=["minilm"]
    )
    input: _Text | _Texts = Field(
        description="A text or several. Ids of tokens are refused.", examples=["How do I send a parcel?"]
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        None, description="Numbers, or the bytes of little-endian float32 in base64."
    )
    dimensions: int | None = Field(
        None, description="The length of the model's vectors; any other is refused, because it would be another model."
    )
    user: str | None = Field(None, description="The same text gets the same version of the model.")


class Embedding(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str
    tokens_cut: int | None = Field(None, description="Tokens at the end of the text that the model has not read.")


class Usage(BaseModel):
    """The tokens that the model has read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """One vector for each text."""

    object: Literal["list"]
    data: list[Embedding]
    model: str = Field(description="The model and the version that answered.", examples=["minilm:1"])
    usage: Usage


class OpenAIErrorDetail(BaseModel):
    """One error, for a program and for a person."""

    message: str
    type: str = Field(examples=["invalid_request_error", "rate_limit_error", "server_error"])
    param: str | None = Field(description="The field at fault, where it is known.", examples=["input[3]"])
    code: str = Field(examples=["invalid_input"])


class OpenAIError(BaseModel):
    """The body of every answer under /openai that is not a success."""

    error: OpenAIErrorDetail


def request_examples(model: str, text: str) -> dict[str, Any]:
    """Bodies that this model answers, as OpenAPI's examples by name."""
    return {
        "one-text": {"summary": "One text", "value": {"model": model, "input": text}},
        "two-texts": {"summary": "Two texts", "value": {"model": model, "input": [text, text]}},
    }


def request_schema() -> dict[str, Any]:
    """The JSON schema of a request."""
    return EmbeddingsBody.model_json_schema()
