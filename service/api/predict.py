"""The hot handler: front, line, front."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from service.api.request_scope import note_version, read_json_body, seconds_since_start
from service.errors import PlimsollError
from service.fronts import v1_json
from service.inference.pipeline import Pipeline
from service.inference.ports import Observer, Outcome, ServedVersion

VERSION_HEADER = "x-plimsoll-version"
CLIENT_GONE = 499
"""nginx's status for a client that left before it was answered; it is counted and never sent."""


class PredictV1:
    """Answers POST /v1/predict and the routes that name a model and a version."""

    def __init__(self, pipeline: Pipeline, observer: Observer, max_body_bytes: int) -> None:
        self._pipeline = pipeline
        self._observer = observer
        self._max_body_bytes = max_body_bytes

    async def __call__(self, request: Request) -> Response:
        """The answer, with the version that gave it in a header.

        Raises:
            PlimsollError: any of its client errors, or that the model is not ready.
        """
        model = version = ""
        code = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._observer.request_started()
        try:
            named = request.path_params
            served = self._pipeline.select(named.get("name"), named.get("version"))
            model, version = served.name, served.version
            note_version(request.scope, model, version)
            response = await self._answer(request, served)
            code = response.status_code
        except PlimsollError as error:
            code = error.status
            raise
        except ClientDisconnect:
            code = CLIENT_GONE
            return Response(status_code=CLIENT_GONE)
        finally:
            self._observer.request_finished(Outcome("v1", model, version, code, seconds_since_start(request.scope)))
        return response

    async def _answer(self, request: Request, served: ServedVersion) -> Response:
        body = await read_json_body(request, self._max_body_bytes)
        rows = v1_json.decode(body, served.model)
        answer = await self._pipeline.run(served, rows.inputs, rows.count)
        content = v1_json.encode(answer, served.model.signature, seconds_since_start(request.scope) * 1000)
        return Response(content, media_type="application/json", headers={VERSION_HEADER: answer.version})
