"""What a team writes by hand: a `def` route of FastAPI over pydantic models, one row at a time."""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field

from benchmarks.peers.perceptron import COLUMNS
from benchmarks.peers.served_model import ServedModel


class Row(BaseModel):
    """The body of a request."""

    features: list[float] = Field(min_length=COLUMNS, max_length=COLUMNS)


class Text(BaseModel):
    """The body of a request of token ids."""

    features: list[int] = Field(min_length=1, max_length=512)


class Vector(BaseModel):
    """The body of an answer to a text."""

    embedding: list[float]


class Answer(BaseModel):
    """The body of an answer."""

    class_: int = Field(alias="class")
    probabilities: list[float]


app = FastAPI()
_model = ServedModel()


@app.get("/ready")
def ready() -> dict[str, str]:
    """Whether this worker serves."""
    return {"status": "ready"}


@app.post("/predict")
def predict(row: Row) -> Answer:
    """The answer to one row."""
    return Answer.model_validate(_model.answer(_model([_model.read(row.features)])[0]))


@app.post("/bytes")
async def predict_bytes(request: Request) -> Response:
    """The bytes of the answer to a row that comes as bytes."""
    row = np.frombuffer(await request.body(), dtype=np.float32)
    return Response(_model([row])[0].tobytes(), media_type="application/octet-stream")


@app.post("/embed")
def embed(text: Text) -> Vector:
    """The vector of a text."""
    return Vector.model_validate(_model.answer(_model([_model.read(text.features)])[0]))
