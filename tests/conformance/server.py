"""The server under test, as the suite sees it: its addresses, its metadata and its answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
import pytest

from tests.conformance.messages import (
    Reply,
    Request,
    binary_request,
    described,
    json_request,
    read_reply,
    shown,
    strict_json,
)
from tests.conformance.tensors import WITHOUT_JSON, Tensor, example, from_json

SECONDS = 30
"""The most that one answer may take."""
BINARY = "binary_tensor_data"


@dataclass(frozen=True)
class Target:
    """The options of a run: the server, the model, and extensions that are tested though not advertised."""

    url: str
    model: str
    version: str | None = None
    grpc: str | None = None
    extensions: frozenset[str] = frozenset()
    inputs: Any = None
    """An inference request whose inputs replace the made-up ones; for models that refuse those."""


class Server:
    """Asks one model of one server; metadata is read once.

    A `transport` takes the place of sockets where the server runs in this process.
    """

    def __init__(self, target: Target, transport: httpx.BaseTransport | None = None) -> None:
        self.target = target
        self.has_sockets = transport is None
        self.http = httpx.Client(
            base_url=target.url,
            headers={"Accept-Encoding": "identity"},
            timeout=SECONDS,
            trust_env=False,
            transport=transport,
        )
        self.model_path = f"/v2/models/{target.model}"
        if target.version is not None:
            self.model_path += f"/versions/{target.version}"

    def get(self, path: str) -> httpx.Response:
        """The answer to a GET of a path."""
        return self.http.get(path)

    def infer(self, request: Request, path: str | None = None, **headers: str) -> httpx.Response:
        """The answer to an inference request, to the model or to the one at another path."""
        sent = request.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            return self.http.post(path or f"{self.model_path}/infer", content=request.body, headers=sent)
        except httpx.TransportError:  # the connection was kept from an earlier answer, and has been closed since
            return self.http.post(path or f"{self.model_path}/infer", content=request.body, headers=sent)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The server's metadata; empty if it cannot be read."""
        response = self.get("/v2")
        return _document(response if response.status_code == 200 else self.get("/v2/"))

    @cached_property
    def model_metadata(self) -> dict[str, Any]:
        """The model's metadata; empty if it cannot be read."""
        return _document(self.get(self.model_path))

    @property
    def versions(self) -> list[str]:
        """The versions that may be asked for by name: the one that was given, or those of the metadata."""
        if self.target.version is not None:
            return [self.target.version]
        return [str(version) for version in self.model_metadata.get("versions") or []]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs of the model's metadata."""
        return list(self.model_metadata.get("outputs") or [])

    def has(self, extension: str) -> bool:
        """Whether an extension is advertised, or was named in the options."""
        return extension in self.target.extensions or extension in (self.metadata.get("extensions") or [])

    @property
    def tensors(self) -> list[Tensor]:
        """Inputs that the model takes; skips if it takes none of those that the suite can make."""
        if isinstance(self.found, str):
            pytest.skip("no valid request is known; test_a_valid_request_is_answered says why")
        return self.found

    @cached_property
    def found(self) -> list[Tensor] | str:
        """Inputs that the model takes, or a sentence that says why there are none."""
        refusals = []
        for tensors in self._candidates():
            response = self.infer(self.request(tensors))
            if response.status_code == 200:
                return tensors
            refusals.append(described(response))
        if not refusals:
            return "the metadata of the model lists no inputs; give a valid request by --inputs FILE"
        hint = "" if self.target.inputs is not None else "; give a valid request by --inputs FILE"
        return f"the model took none of the requests made from its metadata; {refusals[0]}{hint}"

    def request(self, tensors: list[Tensor], **fields: Any) -> Request:
        """A request of these inputs: as JSON, or as binary data if one of them has no JSON form."""
        if any(tensor.datatype in WITHOUT_JSON for tensor in tensors):
            parameters = fields.pop("parameters", {}) | {"binary_data_output": True}
            return binary_request(tensors, parameters=parameters, **fields)
        return json_request(tensors, **fields)

    @cached_property
    def reply(self) -> Reply:
        """The answer to the valid request."""
        return read_reply(self.infer(self.request(self.tensors)))

    @cached_property
    def is_steady(self) -> bool:
        """Whether the model gives the same answer to the same request."""
        first, second = (read_reply(self.infer(self.request(self.tensors))) for _ in range(2))
        return all(
            output.datatype == other.datatype and output.array.tolist() == other.array.tolist()
            for output, other in zip(first.outputs, second.outputs, strict=True)
        )

    def _candidates(self) -> list[list[Tensor]]:
        if self.target.inputs is not None:
            given = self.target.inputs["inputs"]
            return [[Tensor(each["name"], each["datatype"], from_json(**_content(each))) for each in given]]
        inputs = self.model_metadata.get("inputs") or []
        sizes = ((2, 2), (1, 1), (1, 2), (2, 1)) if any(-1 in each["shape"] for each in inputs) else ((1, 1),)
        return [[example(each["name"], each["datatype"], _closed(each["shape"], *size)) for each in inputs]
                for size in sizes if inputs]  # fmt: skip


def _content(given: dict[str, Any]) -> dict[str, Any]:
    return {key: given[key] for key in ("datatype", "shape", "data")}


def _closed(shape: list[int], rows: int, other: int) -> list[int]:
    """A shape of the metadata with sizes where it is open: `rows` in front, `other` behind."""
    return [size if size >= 0 else (other if place else rows) for place, size in enumerate(shape)]


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = strict_json(response.content) if response.status_code == 200 else {}
    except AssertionError:
        return {}
    return document if isinstance(document, dict) else {}


def error_of(response: httpx.Response) -> str:
    """The message of an error, whose body must be an object with the text `error`."""
    assert response.status_code >= 400, f"an error expected, {described(response)}"
    document = strict_json(response.content)
    assert isinstance(document, dict), f'{{"error": text}} expected, not {shown(response.content)}'
    message = document.get("error")
    assert isinstance(message, str), f'{{"error": text}} expected, {described(response)}'
    assert message, "the text of the error is empty"
    return message
