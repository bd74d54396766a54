"""Requests of tensors that were right once, with something about them changed."""

from __future__ import annotations

import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

INPUT, OUTPUT, WIDTH = "pixels", "probabilities", 784
_SIZES: tuple[Any, ...] = (
    0,
    1,
    3,
    4,
    7,
    100,
    101,
    65_535,
    1 << 31,
    1 << 32,
    1 << 62,
    1 << 64,
    -1,
    -4,
    2.5,
    "4",
    None,
    True,
    [4],
)
_WORDS: tuple[Any, ...] = (
    "BOOL",
    "INT8",
    "UINT64",
    "FP16",
    "BF16",
    "BYTES",
    "fp32",
    "",
    "x" * 300,
    "\u0000",
    "😀",
    7,
    None,
    [],
    {},
)
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "br": bytes}
_HEADER_LENGTHS = ("0", "1", "-1", "1e3", "99999999999999999999", "0x10", "", "٣")


class Body(NamedTuple):
    """One request."""

    content: bytes
    headers: dict[str, str]


def changed_body(choice: random.Random) -> Body:
    """A request for the digits; about one in ten is right."""
    rows = choice.choice((1, 1, 1, 2, 7))
    values = np.random.default_rng(choice.getrandbits(32)).random((rows, WIDTH), np.float32)
    binary = choice.random() < 0.8
    document = _document(rows, None if binary else values.reshape(-1).tolist(), binary_output=choice.random() < 0.5)
    for _ in range(choice.choice((0, 1, 1, 1, 2, 3))):
        _change(choice, document)
    head = json.dumps(document).encode()
    raw = values.tobytes() if binary else b""
    length = str(len(head))
    if choice.random() < 0.2:
        raw = _changed_bytes(choice, raw)
    if choice.random() < 0.2:
        head = _changed_bytes(choice, head)
    if choice.random() < 0.1:
        length = choice.choice((*_HEADER_LENGTHS, str(choice.randrange(len(head) + len(raw) + 10))))
    headers = {"Inference-Header-Content-Length": length} if binary or choice.random() < 0.1 else {}
    return _encoded(choice, head + raw, headers)


def _document(rows: int, data: list[float] | None, *, binary_output: bool) -> dict[str, Any]:
    tensor: dict[str, Any] = {"name": INPUT, "datatype": "FP32", "shape": [rows, WIDTH]}
    if data is None:
        tensor["parameters"] = {"binary_data_size": rows * WIDTH * 4}
    else:
        tensor["data"] = data
    return {"id": "1", "inputs": [tensor], "parameters": {"binary_data_output": binary_output}}


def _change(choice: random.Random, document: dict[str, Any]) -> None:
    """Change one thing of the JSON."""
    tensors = document.get("inputs")
    tensor: Any = tensors[0] if isinstance(tensors, list) and tensors else {}
    if not isinstance(tensor, dict):
        return
    size, word = deepcopy((choice.choice(_SIZES), choice.choice(_WORDS)))  # a later change may go into an object
    inputs: Any = choice.choice(([], None, {}, [tensor] * choice.randrange(2, 40), [word]))
    classes = {"name": OUTPUT, "parameters": {"classification": size, "binary_data": choice.random() < 0.5}}
    parameter = choice.choice(("timeout", "priority", "binary_data_output", "sequence_id"))
    shape = choice.choice(([size], [size, WIDTH], [1, size], [1, WIDTH, size], size, [], [[1]]))
    data: Any = choice.choice(([size] * 5, size, [[[[[size]]]]], {}, [word], [1e39] * WIDTH))
    changes = (
        lambda: document.update(id=word),
        lambda: document.update(inputs=inputs),
        lambda: document.update(outputs=choice.choice(([{"name": word}], [{"name": OUTPUT}] * 3, [classes], word))),
        lambda: document.update(parameters={parameter: size}),
        lambda: tensor.update(name=word),
        lambda: tensor.update(datatype=word),
        lambda: tensor.update(shape=shape),
        lambda: tensor.update(parameters={"binary_data_size": size}),
        lambda: tensor.update(data=data),
        lambda: tensor.pop(choice.choice(list(tensor) or ["name"]), None),
    )
    choice.choice(changes)()


def _changed_bytes(choice: random.Random, content: bytes) -> bytes:
    """Bytes that are cut, longer, or different in some places."""
    kind = choice.randrange(5)
    if kind == 0 or not content:
        return content + choice.randbytes(choice.randrange(1, 9))
    if kind == 1:
        return content[: choice.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(choice.randrange(1, 6)):
        at = choice.randrange(len(changed))
        if kind == 2:
            changed[at] = choice.randrange(256)
        elif kind == 3:
            changed[at : at + 4] = struct.pack("<f", choice.choice((float("nan"), float("inf"), -0.0, 1e38, 3.0)))
        else:
            del changed[at : at + choice.randrange(1, 5)]
            changed = changed or bytearray(b"{")
    return bytes(changed)


def _encoded(choice: random.Random, content: bytes, headers: dict[str, str]) -> Body:
    """The body, sometimes compressed, and sometimes not as its head says."""
    coding = choice.choice((None, None, None, None, "gzip", "deflate", "br"))
    if b"timeout" in content:
        coding = None  # so that a test can see that the request asked to be late
    if coding is not None:
        headers["Content-Encoding"] = coding
        content = _COMPRESS[coding](content)
        if choice.random() < 0.2:
            content = _changed_bytes(choice, content)
        elif choice.random() < 0.02:
            content = gzip.compress(b"[" * choice.choice((1_000, 1_000_000, 30_000_000)), 1)
    if choice.random() < 0.3:
        headers["Content-Type"] = choice.choice(
            ("application/json", "application/octet-stream", "text/plain", "a/b", ";")
        )
    return Body(content, headers)
