"""Asks a model of a running server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import typer

from plimsoll.bundle.manifest import ImagePreprocessing
from plimsoll.cli.answering import Answer, Facts, Golden, Refused
from plimsoll.cli.asking import ask
from plimsoll.errors import OperatorError

_TURNS = 3
_GONE = "version_not_found"
_JSON = {"Content-Type": "application/json"}


class ServedModel:
    """Implements `Answering`: a model of a running server."""

    def __init__(self, client: httpx.Client, model: str | None, version: str | None) -> None:
        self._client = client
        self._model = model
        self._version = version

    def facts(self, option: str) -> Facts:
        """See `Answering.facts`.

        Raises:
            BadParameter: the server has several models, and none is named.
        """
        try:
            if self._model is None:
                listed = [str(each["name"]) for each in self._ask("GET", "/v1/models")["models"]]
                if len(listed) != 1:
                    raise typer.BadParameter(f"{option} needs --model, one of: {', '.join(listed) or 'none is loaded'}")
                self._model = listed[0]
            if self._version is not None:
                return _facts(self._ask("GET", f"/v1/models/{self._model}/versions/{self._version}"), self._model)
            versions = self._ask("GET", f"/v1/models/{self._model}")["versions"]
            return _facts(next((each for each in reversed(versions) if each["state"] == "ready"), {}), self._model)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise self.not_ours(error) from None

    def facts_of(self, answer: Answer) -> Facts:
        """See `Answering.facts_of`."""
        name, version = str(answer.get("model", "")), str(answer.get("version", ""))
        try:
            return _facts(self._ask("GET", f"/v1/models/{name}/versions/{version}"), name)
        except (Refused, OperatorError, KeyError, TypeError, AttributeError, ValueError):
            return Facts(name, version)

    def predict(self, body: Any) -> Answer:  # noqa: ANN401  # JSON
        """See `Answering.predict`."""
        options = {"json": body} if not isinstance(body, str) else {"content": body, "headers": _JSON}
        return self._ask("POST", self._path("/predict"), **options)

    def pinned(self, answer: Answer) -> ServedModel:
        """See `Answering.pinned`."""
        return ServedModel(self._client, str(answer.get("model", "")), str(answer.get("version", "")))

    def golden(self) -> tuple[Golden, Answer]:
        """See `Answering.golden`. Asks again if the second request meets a pod of another version than the first."""
        for turn in range(1, _TURNS + 1):
            facts = self.facts("--golden")
            path = f"/v1/models/{facts.name}/versions/{facts.version}"
            try:
                found = self._ask("GET", f"{path}/golden")
                tolerance = (float(found["absolute_tolerance"]), float(found["relative_tolerance"]))
                golden = Golden(found["body"], found["predictions"], tolerance)
                asked = ServedModel(self._client, facts.name, facts.version)
                return golden, asked.predict(golden.body)
            except Refused as refused:
                if refused.code != _GONE or turn == _TURNS:
                    raise
            except (KeyError, TypeError, ValueError) as error:
                raise self.not_ours(error) from None
        raise AssertionError

    def not_ours(self, given: object) -> OperatorError:
        """The error where what answers is another program."""
        return OperatorError(f"{self._client.base_url} does not answer as a Plimsoll server does: {given}")

    def _path(self, action: str) -> str:
        named = f"/v1/models/{self._model}" if self._model else "/v1"
        return f"{named}/versions/{self._version}{action}" if self._version else f"{named}{action}"

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401  # httpx's own
        reply, document = ask(self._client, method, path, **options)
        if reply.is_success:
            return document
        error = document.get("error")
        if not isinstance(error, dict):
            raise Refused("", f"{reply.status_code}: {json.dumps(document)}")
        extras = "".join(f"; {name}: {error[name]}" for name in ("expected", "given") if name in error)
        code, index = str(error.get("code", "")), error.get("index")
        sentence = f"{reply.status_code} {code}: {error.get('message', document)}{extras}"
        raise Refused(code, sentence, index if isinstance(index, int) else None)


def _facts(described: Mapping[str, Any], name: str) -> Facts:
    """The facts in what the catalog says of a version."""
    preprocessing, signature = described.get("preprocessing"), described.get("signature") or {}
    outputs = signature.get("outputs") or [{}]
    return Facts(
        name,
        str(described.get("version", "")),
        str(described.get("task") or ""),
        described.get("options") or {},
        outputs[0].get("labels") or (),
        None if preprocessing is None else ImagePreprocessing.model_validate(preprocessing),
    )
