"""What a team writes by hand: a `def` route of FastAPI over pydantic models, one row at a time."""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field

from benchmarks.peers.perceptron import COLUMNS, Perceptron


class Row(BaseModel):
    """The body of a request."""

    features: list[float] = Field(min_length=COLUMNS, max_length=COLUMNS)


class Answer(BaseModel):
    """The body of an answer."""

    class_: int = Field(alias="class")
    probabilities: list[float]


app = FastAPI()
_model = Perceptron()


@app.get("/ready")
def ready() -> dict[str, str]:
    """Whether this worker serves."""
    return {"status": "ready"}


@app.post("/predict")
def predict(row: Row) -> Answer:
    """The answer to one row."""
    return Answer.model_validate(_model.answers(np.array([row.features], dtype=np.float32))[0])


@app.post("/bytes")
async def predict_bytes(request: Request) -> Response:
    """The bytes of the answer to a row that comes as bytes."""
    row = np.frombuffer(await request.body(), dtype=np.float32)
    return Response(_model(row[np.newaxis]).tobytes(), media_type="application/octet-stream")
