"""The plain reference of POST /v1/predict: pydantic schemas behind a typed FastAPI route, and nothing fast.

It imports nothing of the service, so that the two can only agree by being right. Where Python's json is laxer than
RFC 8259 (NaN and Infinity, UTF-16, a byte order mark, integers of any sign and size), `_Request` holds it to the RFC.
Of several faults one is told, in this order: media type, coding, length, no JSON, no object, an unknown field, `user`,
both or neither of `features` and `instances`, the first value of a wrong type or beyond every float, a value that a
later one of the same name has replaced, half a character in `user`, the number of rows, the first row of a wrong
length, the first number out of bounds. A name that comes twice counts as it came last; a replaced value has to be valid
all the same.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException

MAX_ROWS = 100
_JSON_BLANKS = b" \t\n\r"
_PICTURES = re.compile(r"\s*(multipart/form-data|image/[a-z]+)\s*(;|$)", re.IGNORECASE)
_JSON_TYPE = re.compile(r"[ \t]*application/json[ \t]*(;.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class ReferenceModel:
    """A model that gives back the rows that it was asked, as `dtype` and within the bounds.

    With a `threshold` a row is one number, and that is the score of the second of two classes.
    """

    name: str
    version: str
    width: int
    dtype: type[np.float32 | np.float64] = np.float32
    minimum: float | None = None
    maximum: float | None = None
    threshold: float | None = None

    @property
    def labels(self) -> str:
        """One letter a class."""
        return "abcdefghijklmnopqrstuvwxyz"[: self.width if self.threshold is None else 2]


class Refusal(HTTPException):
    """What is wrong and where: the field, the row and the position in it. Not every message has to name the field."""

    def __init__(self, status: int, code: str, **where: str | int | bool | None) -> None:
        super().__init__(status)
        self.fault = {"code": code, "field": "", "index": None, "position": None, "named": True, **where}


def _invalid(field: str = "", *, index: int | None = None, position: int | None = None, named: bool = True) -> Refusal:
    return Refusal(422, "invalid_input", field=field, index=index, position=position, named=named)


Row = list[float]


class Body(BaseModel):
    """What a request says."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    features: Row | None = None
    instances: list[Row] | None = None
    user: str | None = None


class Prediction(BaseModel):
    """The answer for one row."""

    class_: str = Field(serialization_alias="class")
    probabilities: list[float]


class Answer(BaseModel):
    """The answer for all of them."""

    model: str
    version: str
    latency_ms: float
    predictions: list[Prediction]


class _Object(dict[str, Any]):
    """A JSON object that also knows the values that later ones of the same name have replaced."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        last = {name: place for place, (name, _) in enumerate(pairs)}
        self.replaced = [(name, value) for place, (name, value) in enumerate(pairs) if last[name] != place]


def _no_constant(constant: str) -> NoReturn:
    raise json.JSONDecodeError(f"{constant} is not JSON", "", 0)


def _whole(digits: str) -> float:
    return float(digits) + 0.0  # an integer has no negative zero, as Python and others read JSON


class _Request(Request):
    """Reads a body as this API promises to, where FastAPI would be more generous."""

    longest: int

    async def body(self) -> bytes:
        given = self.headers.get("content-type", "")
        if _PICTURES.match(given) and len(await super().body()) > self.longest:
            raise Refusal(413, "body_too_large")  # models of pictures read it, so its length comes first
        if not _JSON_TYPE.fullmatch(given):
            raise Refusal(415, "unsupported_media_type")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal(415, "unsupported_media_type")
        content = await super().body()
        if len(content) > self.longest:
            raise Refusal(413, "body_too_large")
        if not content.strip(_JSON_BLANKS):
            raise Refusal(400, "empty_body")
        return content

    async def json(self) -> Any:
        try:
            document = json.loads(
                (await self.body()).decode(),
                parse_int=_whole,
                parse_constant=_no_constant,
                object_pairs_hook=_Object,
            )
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            raise Refusal(400, "not_json") from None
        self.state.replaced = document.replaced if isinstance(document, _Object) else []
        return document


def reference_application(models: Sequence[ReferenceModel], default: str, longest: int) -> FastAPI:
    """The reference over these models, for bodies of at most `longest` bytes."""

    class Reading(_Request):
        pass

    Reading.longest = longest

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def with_our_request(request: Request) -> Response:
                return await answer(Reading(request.scope, request.receive))

            return with_our_request

    app = FastAPI()
    app.router.route_class = Route
    app.add_exception_handler(Refusal, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_first)
    by_name = {model.name: model for model in models}

    @app.post("/v1/predict")
    async def predict_default(body: Body, request: Request, response: Response) -> Answer:
        return _predict(by_name[default], body, request, response)

    @app.post("/v1/models/{name}/predict")
    async def predict(name: str, body: Body, request: Request, response: Response) -> Answer:
        return _predict(by_name[name], body, request, response)

    return app


def _predict(model: ReferenceModel, body: Body, request: Request, response: Response) -> Answer:
    if (body.features is None) == (body.instances is None):
        raise _invalid("features or instances")
    for name, value in [*request.state.replaced, ("user", body.user)]:
        if not _valid(name, value):
            raise _invalid(name, named=False)
    rows = _decode(model, body)
    response.headers["x-plimsoll-version"] = model.version
    predictions = [_prediction(model, row) for row in rows]
    return Answer(model=model.name, version=model.version, latency_ms=0, predictions=predictions)


def _prediction(model: ReferenceModel, row: NDArray[Any]) -> Prediction:
    """The class of a row: the first of the greatest scores, or the second one where it reaches the threshold."""
    if model.threshold is None:
        scores, best = list(row), int(np.argmax(row))
    else:
        (score,) = row
        scores, best = [model.dtype(1) - score, score], int(score >= model.dtype(model.threshold))
    return Prediction(class_=model.labels[best], probabilities=[_shortest(number) for number in scores])


def _valid(name: str, value: object) -> bool:
    """Whether a field could have this value. JSON can escape half a character, which is no text to call a user by."""
    try:
        text = Body.model_validate({name: value}).user or ""
        text.encode()
    except (ValidationError, UnicodeEncodeError):
        return False
    return True


def _decode(model: ReferenceModel, body: Body) -> NDArray[Any]:
    """Each number as the nearest double, then as the nearest of the model's type; within the bounds in that type."""
    many = body.instances is not None
    field = "instances" if many else "features"
    rows = body.instances or [] if many else [body.features or []]
    if not 1 <= len(rows) <= MAX_ROWS:
        raise _invalid(field, named=False)
    for index, row in enumerate(rows):
        if len(row) != model.width:
            raise _invalid(field, index=index if many else None)
    with np.errstate(over="ignore"):
        numbers = np.array(rows, np.float64).astype(model.dtype)
        low = model.dtype(-math.inf if model.minimum is None else model.minimum)
        high = model.dtype(math.inf if model.maximum is None else model.maximum)
    for (index, position), number in np.ndenumerate(numbers):
        if not (low <= number <= high and math.isfinite(number)):
            raise _invalid(field, index=index if many else None, position=position)
    return numbers


def _shortest(number: np.floating[Any]) -> float:
    """The double whose shortest spelling is the shortest that means this number in its own type."""
    return float(str(number))


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return Response(json.dumps({"error": error.fault}), error.status_code, media_type="application/json")


async def _refuse_first(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _refuse(request, _first_fault(error.body, error.errors()))


def _first_fault(document: object, faults: Sequence[Mapping[str, Any]]) -> Refusal:
    """The fault to tell of all that pydantic has found."""
    if not isinstance(document, dict):
        return _invalid()
    if unknown := [str(name) for name in document if name not in Body.model_fields]:
        return _invalid(f"unknown {unknown[0]}")
    places = [tuple(fault["loc"][1:]) for fault in faults]
    if ("user",) in places:
        return _invalid("user")
    if (document.get("features") is None) == (document.get("instances") is None):
        return _invalid("features or instances")
    field, *within = places[0]
    if field == "instances":
        return _invalid("instances", index=_at(within, 0), position=_at(within, 1))
    return _invalid("features", position=_at(within, 0))


def _at(place: Sequence[int], depth: int) -> int | None:
    return place[depth] if len(place) > depth else None
