"""The Open Inference Protocol (v2) over HTTP: tensors by name, as JSON or as bytes after it."""

from __future__ import annotations

from typing import Any

import orjson

from plimsoll.errors import PlimsollError
from plimsoll.fronts import oip_errors
from plimsoll.fronts.json_tensors import json_of
from plimsoll.fronts.known_requests import LONGEST_KNOWN, KnownRequest, KnownRequests, split_id, stands_alone
from plimsoll.fronts.oip_body import HEADER_LENGTH, json_bytes, parse, places_of, raw_tensor, tensors_of
from plimsoll.fronts.oip_schema import request_schema
from plimsoll.fronts.raw_tensors import bytes_of
from plimsoll.fronts.tensor_requests import (
    TensorRequest,
    binary_output,
    cost_of_elements,
    output_of,
    timeout_seconds,
    wanted_outputs,
)
from plimsoll.fronts.v1_json import OK, VERSION_FIELD, named_target
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer, Target, Tensors
from plimsoll.inference.ports import Json, Question, Reply
from plimsoll.inference.served_version import ServedVersion

_JSON_COST, _RAW_COST = 8, 1 / 16
"""The time to read a byte, as a multiple of that of plain JSON rows; JSON is read into Python's objects."""


class Oip:
    """Implements `Front`. A header says how much of a body is JSON; the declared media type says nothing of it."""

    protocol = "v2"
    media_types = ("application/json", "application/octet-stream", "text/plain", "")
    encodings = ("gzip", "deflate")

    def __init__(self) -> None:
        self._known = KnownRequests()

    def target(self, call: Call) -> Target:
        """The target that path and head name."""
        return named_target(call)

    def reading_cost(self, call: Call, body: bytes, served: ServedVersion) -> int:
        """See `Front`; tensors in bytes are only looked at, unless their elements are texts or pictures."""
        length = json_bytes(call.head, body)
        return max(int(length * _JSON_COST + (len(body) - length) * _RAW_COST), cost_of_elements(served, len(body)))

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """The question of the tensors; `call.asked` becomes the `TensorRequest`.

        Raises:
            MalformedBody: the body is empty or not JSON.
            InvalidInput: the request is not one for this model.
        """
        wire = served.task.wire
        length = json_bytes(call.head, body)
        whole = memoryview(body)
        raw = whole[length:]
        given_id, text = split_id(body[:length]) if raw and length <= LONGEST_KNOWN else (None, b"")
        if (known := self._known.find(text, wire)) is not None and known.raw_bytes == len(raw):
            call.asked, call.timeout_seconds = TensorRequest(given_id, known.wanted), known.timeout_seconds
            return served.task.of_tensors(known.tensors(raw))
        if length == 0 and body:
            call.asked = TensorRequest(None, wanted_outputs(wire, None, binary=True))
            return served.task.of_tensors(raw_tensor(whole, wire))
        request = parse(whole[:length], wire, is_declared=call.head.has(HEADER_LENGTH))
        parameters = request.parameters or {}
        call.timeout_seconds = timeout_seconds(parameters)
        asked = [(each.name, each.parameters or {}) for each in request.outputs or ()]
        wanted = wanted_outputs(wire, asked, binary=binary_output(parameters))
        call.asked = TensorRequest(request.id, wanted)
        question = served.task.of_tensors(tensors_of(request, raw, wire))
        if text and stands_alone(given_id, text, request.id) and (places := places_of(request, wire)):
            self._known.keep(text, KnownRequest(wire, places, len(raw), wanted, call.timeout_seconds))
        return question

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """The wanted outputs, as JSON or bytes, in the order of the request."""
        asked: TensorRequest = call.asked
        described, raw = _described(asked, served.task.tensors(question, answer.outputs))
        document: Json = {"model_name": answer.model, "model_version": answer.version, "outputs": described}
        if asked.id is not None:
            document["id"] = asked.id
        head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        content = b"".join((head, *raw)) if raw else head
        headers = [
            (b"content-type", b"application/octet-stream" if raw else b"application/json"),
            (b"content-length", b"%d" % len(content)),
            (VERSION_FIELD, answer.version.encode()),
        ]
        if raw:
            headers.append((b"inference-header-content-length", b"%d" % len(head)))
        return Reply(OK, headers, content)

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """The error in the form of the protocol."""
        del call
        return oip_errors.error_reply(error)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """The same for every model; `/v2/models/{name}` describes the tensors of one."""
        del item, row, examples
        return {"schema": request_schema()}

    def answer_content(self) -> Json:
        """Nothing: `oip_schema.InferenceAnswer` describes it."""
        return {}


def _described(asked: TensorRequest, outputs: Tensors) -> tuple[list[Json], list[bytes]]:
    """The JSON of each wanted output, and the bytes of those that are binary."""
    described: list[Json] = []
    raw: list[bytes] = []
    for wanted in asked.wanted:
        spec, tensor = output_of(wanted, outputs)
        entry: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": list(tensor.shape)}
        if wanted.binary:
            raw.append(bytes_of(spec.datatype, tensor))
            entry["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            entry["data"] = json_of(spec, tensor)
        described.append(entry)
    return described, raw
