"""How a row goes to each server and its answer comes back: in JSON, in bytes, as token ids, text or a picture. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

JSON, BYTES, TOKENS, TEXT, PICTURE = "json", "bytes", "tokens", "text", "picture"
OF_ONE_SIZE = (JSON, BYTES)
"""The wires whose rows are all of one length."""
OF_TASKS = (TEXT, PICTURE)
"""The wires whose rows a task reads itself."""
_OCTETS = {"Content-Type": "application/octet-stream"}
_FLOAT32 = np.dtype("<f4")
_BOUNDARY = "a-boundary-of-the-bench"
_FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


class Row(NamedTuple):
    """One row, as JSON and as numbers; a picture only as the bytes of its file."""

    text: str
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """The path, the headers and the body of a request of one row, and what reads the numbers of an answer.

    `read` may raise a ValueError, LookupError, TypeError or StopIteration for a body that holds no answer.
    """

    path: str
    body: Callable[[Row], bytes]
    read: Callable[[bytes], Sequence[float]]
    headers: Mapping[str, str] = field(default_factory=dict)


def json_wire(path: str, body: str, answer: Callable[[Any], Sequence[float]]) -> Wire:
    """JSON: `%s` of the body stands for the row, `answer` takes the parsed document."""
    before, after = body.split("%s")
    return Wire(path, lambda row: f"{before}{row.text}{after}".encode(), lambda text: answer(json.loads(text)))


def plain_bytes(path: str) -> Wire:
    """The float32 numbers of a row and of its answer, and nothing else."""
    return Wire(path, lambda row: row.values.astype(_FLOAT32).tobytes(), _floats, _OCTETS)


def picture_wire(path: str, field: str, answer: Callable[[Any], Sequence[float]]) -> Wire:
    """A form with one file, answered in JSON."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="picture.png"\r\n'
    before, after = f"{head}Content-Type: image/png\r\n\r\n".encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()
    return Wire(path, lambda row: before + row.values.tobytes() + after, lambda text: answer(json.loads(text)), _FORM)


def open_inference_bytes(path: str, tensor: str, columns: int) -> Wire:
    """The Open Inference Protocol with its binary extension, in both directions."""
    size = columns * _FLOAT32.itemsize
    described = {"name": tensor, "datatype": "FP32", "shape": [1, columns], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
    headers = {**_OCTETS, "Inference-Header-Content-Length": str(len(head))}
    return Wire(path, lambda row: head + row.values.astype(_FLOAT32).tobytes(), _probabilities, headers)


def open_inference_json(path: str, tensor: str, columns: int) -> Wire:
    """The Open Inference Protocol in JSON."""
    body = f'{{"inputs":[{{"name":"{tensor}","shape":[1,{columns}],"datatype":"FP32","data":%s}}]}}'
    return json_wire(path, body, _data_of_probabilities)


def _data_of_probabilities(document: Any) -> Sequence[float]:  # noqa: ANN401  # parsed JSON
    return next(output["data"] for output in document["outputs"] if output["name"] == "probabilities")


def _floats(body: bytes) -> Sequence[float]:
    return np.frombuffer(body, _FLOAT32).tolist()  # type: ignore[no-any-return]


def _probabilities(body: bytes) -> Sequence[float]:
    """Of a head in JSON and the tensors that it names, one after the other."""
    document, start = json.JSONDecoder().raw_decode(body.decode("latin-1"))
    for output in document["outputs"]:
        end = start + output["parameters"]["binary_data_size"]
        if output["name"] == "probabilities":
            return _floats(body[start:end])
        start = end
    raise LookupError("no output is named probabilities")
