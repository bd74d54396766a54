"""OpenAI's API for embeddings: texts in, vectors and the count of tokens out."""

from __future__ import annotations

import base64
from typing import Any, cast

import numpy as np

from plimsoll.errors import InvalidInput, PlimsollError
from plimsoll.fronts import openai_errors
from plimsoll.fronts.openai_request import EmbeddingsRequest, parsed
from plimsoll.fronts.openai_schema import request_schema
from plimsoll.fronts.v1_json import json_reply, named_target
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer, Target
from plimsoll.inference.ports import Json, Question, Reply
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.embeddings import Embeddings


class OpenAIEmbeddings:
    """Implements `Front`; the model stands in the body, and `Call.named` has it before the body is read for the line.

    `Call.asked` becomes the `EmbeddingsRequest`.
    """

    protocol = "openai"
    media_types = ("application/json",)
    encodings: tuple[str, ...] = ()

    def target(self, call: Call) -> Target:
        """The target that path and head name."""
        return named_target(call)

    def reading_cost(self, call: Call, body: bytes, served: ServedVersion) -> int:
        """Each byte, as its task reads it."""
        del call
        return len(body) * served.task.reading_cost

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """The question of the texts.

        Raises:
            MalformedBody: the body is empty or not JSON.
            InvalidInput: the request is not one for this model.
        """
        call.asked = request = parsed(body)
        task = served.task
        if not isinstance(task, Embeddings):
            raise InvalidInput(
                f"the model '{served.name}' makes no embeddings",
                expected="a model with the task embeddings; GET /openai/v1/models lists them",
            )
        if request.dimensions not in (None, task.dimensions):
            raise InvalidInput(
                f"the vectors of the model '{served.name}' cannot be made shorter or longer",
                expected=f"{task.dimensions} dimensions, or no field 'dimensions'",
                given=str(request.dimensions),
            )
        return task.of_texts(request.texts, request.user, single=request.single)

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """One vector for each text, in the order of the request, and the tokens that the model has read."""
        request = cast("EmbeddingsRequest", call.asked)
        predictions = served.task.results(question, answer.outputs)
        tokens = sum(each["tokens"] for each in predictions)
        document = {
            "object": "list",
            "data": [_embedding(index, each, request.encoding) for index, each in enumerate(predictions)],
            "model": f"{answer.model}:{answer.version}",
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        return json_reply(document, answer.version)

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """The error in OpenAI's form."""
        del call
        return openai_errors.error_reply(error)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """The same for every model."""
        del item, row, examples
        return {"schema": request_schema()}

    def answer_content(self) -> Json:
        """Nothing: `openai_schema.EmbeddingsAnswer` describes it."""
        return {}


def _embedding(index: int, prediction: Json, encoding: str) -> Json:
    """One entry of `data`. A text that was cut says so, which OpenAI's API has no field for."""
    vector: Any = prediction["embedding"]
    if encoding == "base64":
        vector = base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
    entry = {"object": "embedding", "index": index, "embedding": vector}
    if cut := prediction["tokens_cut"]:
        entry["tokens_cut"] = cut
    return entry
