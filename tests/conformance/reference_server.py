"""An honest server of the protocol over HTTP, with plain code, against which the suite proves itself."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tests.conformance.reference_models import MODELS, VERSION, Model
from tests.conformance.reference_reading import MOST_BYTES, Question, RefusedError, inflated, read_question
from tests.conformance.tensors import WITHOUT_JSON, Array, Tensor

EXTENSIONS = [
    "binary_tensor_data", "classification", "model_configuration", "model_repository", "schedule_policy", "statistics",
]  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A request as it came; the names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Any, status: int = 200) -> Answer:
        """A response with a JSON value."""
        return cls(status, json.dumps(document, allow_nan=False).encode(), {"Content-Type": "application/json"})


Respond = Callable[[Call], Answer]


class ReferenceServer:
    """Answers each call by the text of the protocol; counts inferences for the statistics."""

    def __init__(self) -> None:
        self._answered: Counter[str] = Counter()

    def __call__(self, call: Call) -> Answer:
        """The response to a call; a mistake of the client is an error object."""
        try:
            return self._route(call)
        except RefusedError as error:
            return Answer.of({"error": str(error)}, error.status)

    def _route(self, call: Call) -> Answer:
        match call.path.strip("/").split("/")[1:]:
            case []:
                return self._get(call, {"name": "reference", "version": "1", "extensions": EXTENSIONS})
            case ["health", "live" | "ready" as probe]:
                return self._get(call, {probe: True})
            case ["repository", "index"]:
                states = [{"name": name, "version": VERSION, "state": "READY", "reason": ""} for name in MODELS]
                return self._with_verb(call, "POST", states)
            case ["models", "stats"]:
                return self._get(call, {"model_stats": [self._statistics(name) for name in MODELS]})
            case ["models", name, "versions", version, *rest] if version == VERSION:
                return self._model(call, name, rest)
            case ["models", name, *rest] if rest[:1] != ["versions"]:
                return self._model(call, name, rest)
        raise RefusedError("there is nothing under this path", 404)

    def _model(self, call: Call, name: str, rest: list[str]) -> Answer:
        model = MODELS.get(name)
        if model is None:
            raise RefusedError(f"there is no such model; there are {list(MODELS)}", 404)
        match rest:
            case []:
                return self._get(call, _metadata(name, model))
            case ["ready"]:
                return self._get(call, {"name": name, "ready": True})
            case ["config"]:
                return self._get(call, {"name": name, "max_batch_size": 0})
            case ["stats"]:
                return self._get(call, {"model_stats": [self._statistics(name)]})
            case ["infer"] if call.method == "POST":
                return self._infer(call, name, model)
            case ["infer"]:
                raise RefusedError("inference is a POST", 405)
        raise RefusedError("there is nothing under this path", 404)

    def _get(self, call: Call, document: Any) -> Answer:
        return self._with_verb(call, "GET", document)

    def _with_verb(self, call: Call, verb: str, document: Any) -> Answer:
        if call.method != verb:
            raise RefusedError(f"{verb} expected", 405)
        return Answer.of(document)

    def _infer(self, call: Call, name: str, model: Model) -> Answer:
        body = inflated(call.body, call.headers.get("content-encoding", "identity"))
        question = read_question(model, body, call.headers)
        answer = _reply(name, model, question)
        self._answered[name] += 1
        return answer

    def _statistics(self, name: str) -> dict[str, Any]:
        counts = {"success": {"count": self._answered[name], "ns": 0}, "fail": {"count": 0, "ns": 0}}
        return {"name": name, "version": VERSION, "inference_count": self._answered[name], "inference_stats": counts}


def _metadata(name: str, model: Model) -> dict[str, Any]:
    sides = {"inputs": model.inputs, "outputs": model.outputs}
    tensors = {side: [tensor.document() for tensor in found] for side, found in sides.items()}
    return {"name": name, "versions": [VERSION], "platform": "numpy_reference"} | tensors


def _reply(name: str, model: Model, question: Question) -> Answer:
    """The response with the outputs that were asked for."""
    computed = model.compute(question.tensors)
    datatypes = {output.name: output.datatype for output in model.outputs}
    outputs, blobs = [], b""
    for asked in question.outputs:
        parameters = asked.get("parameters", {})
        tensor = Tensor(asked["name"], datatypes[asked["name"]], computed[asked["name"]])
        if "classification" in parameters:
            tensor = _classes(tensor, parameters["classification"])
        if parameters.get("binary_data", question.all_binary):
            head, data = tensor.as_binary()
            blobs += data
        else:
            head = _json_output(tensor)
        outputs.append(head)
    document = {"model_name": name, "model_version": VERSION, "outputs": outputs}
    if question.id is not None:
        document["id"] = question.id
    answer = Answer.of(document)
    if not any("data" not in output for output in outputs):
        return answer
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(answer.body))}
    return Answer(200, answer.body + blobs, headers)


def _json_output(tensor: Tensor) -> dict[str, Any]:
    if tensor.datatype in WITHOUT_JSON:
        raise RefusedError(f"output {tensor.name} is {tensor.datatype}, which has no JSON form; ask for binary data")
    if tensor.array.dtype.kind == "f" and not np.isfinite(tensor.array).all():
        raise RefusedError(f"output {tensor.name} has NaN or Infinity, which are not JSON; ask for binary data")
    try:
        return tensor.as_json()
    except UnicodeDecodeError:
        raise RefusedError(f"output {tensor.name} is not UTF-8; ask for binary data") from None


def _classes(tensor: Tensor, count: Any) -> Tensor:
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise RefusedError("classification is a number of classes, 1 or more")
    if tensor.datatype == "BYTES":
        raise RefusedError(f"output {tensor.name} has texts, which have no order")
    rows: Array = tensor.array.reshape(len(tensor.array), -1)
    best = np.argsort(-rows.astype(float), axis=1, kind="stable")[:, :count]
    texts = np.empty(best.shape, dtype=object)
    for row, place in np.ndindex(best.shape):
        texts[row, place] = f"{float(rows[row, best[row, place]]):.6f}:{best[row, place]}".encode()
    return Tensor(tensor.name, "BYTES", texts)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet: two would wait for each other
    respond: Respond

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self.close_connection = True
            self._write(Answer.of({"error": f"a body has at most {MOST_BYTES} bytes"}, 413))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._write(self.respond(Call(self.command, self.path, headers, self.rfile.read(length))))

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # the names that the standard library looks for

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        """Log nothing."""


@contextmanager
def served(respond: Respond, port: int = 0) -> Iterator[str]:
    """The address of a server on loopback that answers by `respond`, for as long as the block runs."""
    handler = type("Handler", (_Handler,), {"respond": staticmethod(respond)})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)
