"""Describes the routes of fronts for the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from starlette.responses import Response

from plimsoll.api.error_responses import ErrorBody, errors_of
from plimsoll.api.front_routes import FrontRoute
from plimsoll.fronts import EVENTS
from plimsoll.fronts.oip_schema import InferenceAnswer, OipError
from plimsoll.fronts.openai_schema import EmbeddingsAnswer, OpenAIError
from plimsoll.fronts.v1_json import USER_HEADER, VERSION_HEADER
from plimsoll.fronts.v1_schema import ANY_ROW, PredictAnswer, Predictions, predict_examples, request_body
from plimsoll.inference.ports import Json

_HEADERS: list[Json] = [
    {
        "name": "X-Request-Timeout-Ms",
        "description": "The most milliseconds that the request may take; after that it is answered 504.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999_999},
    },
    {
        "name": VERSION_HEADER,
        "description": "A version to pin; on a cluster also `stable` or `canary`.",
        "schema": {"type": "string"},
    },
    {
        "name": USER_HEADER,
        "description": "Any text; the same user gets the same version.",
        "schema": {"type": "string"},
    },
    {
        "name": "Cache-Control",
        "description": "`no-store` neither takes nor keeps an answer, where the server keeps answers at all.",
        "schema": {"type": "string"},
    },
]
_ANY_EXAMPLES = predict_examples("features", [0.0, 0.5, 1.0])
_ANSWERING_VERSION = {VERSION_HEADER: {"description": "The version that answered.", "schema": {"type": "string"}}}
_STATUSES = (400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504, 507)


class _Protocol(NamedTuple):
    """The parts in which the descriptions of protocols differ."""

    tag: str
    operation: str
    description: str
    answer: type[BaseModel]
    answers: str
    error: type[BaseModel]
    statuses: tuple[int, ...]
    streamed: Mapping[str, Json] = {}


_PROTOCOLS = {
    "v1": _Protocol(
        "predict",
        "predict",
        "One row of numbers as `features`, or up to 100 as `instances`; errors name the row at fault.",
        PredictAnswer,
        "The predictions.",
        ErrorBody,
        (*_STATUSES, 422),
        {EVENTS.media_type: EVENTS.answer_content()},
    ),
    "v2": _Protocol(
        "open inference protocol",
        "infer",
        "Tensors by name, as JSON; or as bytes after the JSON, whose length `Inference-Header-Content-Length` names. "
        "gzip and deflate are read.",
        InferenceAnswer,
        "The outputs; as bytes after the JSON where the request asks for that.",
        OipError,
        _STATUSES,
    ),
    "kserve": _Protocol(
        "open inference protocol",
        "kserve_predict",
        "The rows of /v1 as `instances`, up to 100; the answer has their predictions alone.",
        Predictions,
        "The predictions.",
        OipError,
        _STATUSES,
    ),
    "openai": _Protocol(
        "openai",
        "openai_embeddings",
        "A text or several, for a model of the task `embeddings`. The `base_url` of the `openai` package is this "
        "server's address with `/openai/v1`.",
        EmbeddingsAnswer,
        "A vector for each text.",
        OpenAIError,
        _STATUSES,
    ),
}


def description_of(route: FrontRoute) -> dict[str, Any]:
    """The arguments of FastAPI's `add_api_route` that describe a route."""
    protocol = _PROTOCOLS[route.fronts[0].protocol]
    parameters = re.findall(r"{(\w+)}", route.template)
    others = {front.media_types[0]: content for front in route.fronts if (content := front.answer_content())}
    others |= protocol.streamed
    return {
        "tags": [protocol.tag],
        "summary": route.summary,
        "description": protocol.description,
        "operation_id": "_".join((protocol.operation, *parameters)),
        "response_class": Response,
        "responses": {
            200: {
                "model": protocol.answer,
                "description": protocol.answers,
                "headers": _ANSWERING_VERSION,
                **({"content": others} if others else {}),
            },
            **errors_of(*sorted(protocol.statuses), body=protocol.error),
        },
        "openapi_extra": {
            "requestBody": request_body(route.fronts, "features", ANY_ROW, _ANY_EXAMPLES),
            "parameters": [
                *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters),
                *(
                    {"in": "header", **each}
                    for each in _HEADERS
                    if each["name"] != VERSION_HEADER or "version" not in parameters
                ),
            ],
        },
    }
