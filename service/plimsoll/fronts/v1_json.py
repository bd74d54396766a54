"""The /v1 JSON of classifiers: one row as `features`, or up to 100 as `instances`.

The models are of the kind that `v1_models.check_askable` lets pass; no request is checked for that again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput, ModelFailed
from plimsoll.fronts.json_values import holds_more
from plimsoll.fronts.v1_faults import explain, explain_surplus
from plimsoll.inference.batch_queue import Entry
from plimsoll.inference.payloads import Answer, Signature, TensorSpec

MAX_ROWS = 100
_LONG_NUMBER_BYTES = 22
_COUNTED_FROM_BYTES = 65_536
"""A longer body has its rows and numbers counted before anything is made of them."""


class Body(NamedTuple):
    """What a request says: its rows, whether it gave one and no list of them, and for whom it asks.

    As an array, [rows, columns], the rows are known to have the right length.
    """

    rows: Sequence[Sequence[float]] | NDArray[np.float64]
    single: bool
    user: str | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    features: list[float] | None = None
    instances: list[list[float]] | None = None
    user: str | None = None


class _Parsers(threading.local):
    """A parser for each thread, since none of them is safe to share; it keeps its memory for the next body."""

    def __init__(self) -> None:
        self.simd = simdjson.Parser()


_decoder = msgspec.json.Decoder(_Document)
_parsers = _Parsers()


def parse(body: bytes, signature: Signature) -> Body:
    """What the body says; `signature` tells how many numbers a row has. May be called on any thread.

    The fast path creates no Python object per number, which is more than half of the time that a small model takes. A
    long body with far more rows or numbers than a request may have is refused before anything is made of them.

    Raises:
        MalformedBody: the body is empty or not JSON.
        InvalidInput: JSON of another shape.
    """
    width = signature.inputs[0].shape[1]
    long = len(body) > _COUNTED_FROM_BYTES
    if long and _holds_too_much(body, width):
        raise explain_surplus(body, MAX_ROWS, width)
    if not (long and _spells_numbers_out(body)) and (plain := _plain_rows(body, width)) is not None:
        return plain
    try:
        parsed = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise explain(body, width) from None
    if parsed.features is not None and parsed.instances is None:
        return Body((parsed.features,), single=True, user=parsed.user)
    if parsed.instances is not None and parsed.features is None:
        return Body(parsed.instances, single=False, user=parsed.user)
    raise explain(body, width)


def write(body: Body, signature: Signature, reserve: Callable[[int], Entry]) -> Entry:
    """Reserve as many rows as the request has and write them, each number checked against the signature.

    Raises:
        InvalidInput: too many rows or none, a row of the wrong length (`index` names it), or a number out of bounds.
    """
    spec = signature.inputs[0]
    width, rows = spec.shape[1], body.rows
    if not 1 <= len(rows) <= MAX_ROWS:
        raise InvalidInput(
            "the number of rows is out of range", expected=f"1 to {MAX_ROWS} rows", given=f"{len(rows)} rows"
        )
    entry = reserve(len(rows))
    tensor = entry.inputs[spec.name]
    if isinstance(rows, np.ndarray) and _surely_fit(rows, spec):
        tensor[:] = rows
        return entry
    # 1e39 becomes infinite in FP32, and the check of bounds refuses it; a bound beyond FP32 bounds nothing.
    with np.errstate(over="ignore"):
        if isinstance(rows, np.ndarray):
            tensor[:] = rows
        else:
            _write_rows(tensor, rows, width, single=body.single)
        _check_bounds(tensor, spec, single=body.single)
    return entry


def _holds_too_much(body: bytes, width: int) -> bool:
    """Whether a body has so many rows or numbers that it is wrong; twice as many are allowed, for a field may recur."""
    return holds_more(body, b",", 2 * MAX_ROWS * (width + 1)) or holds_more(body, b"[", 2 * (MAX_ROWS + 1))


def _spells_numbers_out(body: bytes) -> bool:
    """Whether numbers have more than 20 characters on average: over 19 digits simdjson is slower than msgspec."""
    return len(body) > _LONG_NUMBER_BYTES * (body.count(b",") + 1)


def _write_rows(tensor: NDArray[Any], rows: Sequence[Sequence[float]], width: int, *, single: bool) -> None:
    for index, row in enumerate(rows):
        # The explicit check comes first: numpy would spread a row of one number over the whole width.
        if len(row) != width:
            raise _wrong_length(width, len(row), None if single else index)
        tensor[index] = row


def _plain_rows(body: bytes, width: int) -> Body | None:
    """The rows of a body that is as plain as can be; `None` for any other, right or wrong, which others look into.

    simdjson gives the numbers of an array, however nested, as one buffer. How it is nested only the brackets tell.
    """
    try:
        document: Any = _parsers.simd.parse(body)
        user = None if (names := len(document)) == 1 else document["user"]
        if not body.startswith(b"{") or (names != 1 and not (names == 2 and isinstance(user, str))):  # noqa: PLR2004
            return None
        single = "features" in document
        found = document["features" if single else "instances"]
        if single:
            fits = len(found) == width and body.find(b"[", body.find(b"[") + 1) < 0
        else:
            lengths = [len(row) for row in found]
            fits = 0 < len(lengths) == lengths.count(width) and body.count(b"[") == 1 + len(lengths)
        if fits:
            return Body(np.frombuffer(found.as_buffer(of_type="d")).reshape(-1, width), single, user)
    except Exception:  # noqa: BLE001  # whatever is unusual about the body, the way for unusual ones tells it better
        return None
    return None


def encode(answer: Answer, signature: Signature, latency_ms: float) -> bytes:
    """The answer's JSON: model, version, latency, and for every row its class and all probabilities.

    Raises:
        ModelFailed: the model gave a number that is not finite, which JSON cannot say; `index` names the row.
    """
    spec = signature.outputs[0]
    probabilities = answer.outputs[spec.name]
    if not np.logical_and.reduce(np.isfinite(probabilities), axis=None):
        raise _not_finite(probabilities.reshape(len(probabilities), -1))
    if spec.threshold is None:
        classes = probabilities.argmax(axis=1)
    else:
        probabilities, classes = _both_classes(probabilities, spec.dtype.type(spec.threshold))
    labels = spec.labels
    return orjson.dumps(
        {
            "model": answer.model,
            "version": answer.version,
            "latency_ms": round(latency_ms, 3),
            "predictions": [
                {"class": labels[best], "probabilities": row}
                for best, row in zip(classes.tolist(), probabilities, strict=True)
            ],
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def _both_classes(scores: NDArray[Any], threshold: np.floating[Any]) -> tuple[NDArray[Any], NDArray[np.int_]]:
    """The probabilities of both classes of a model that gives one score a row, and which of them it means.

    Scores are compared in their own precision, because 0.7 in FP32 lies below 0.7 and should reach a threshold of 0.7.
    """
    upper = scores.reshape(-1)
    return np.stack((1 - upper, upper), axis=1), (upper >= threshold).astype(np.int_)


def _not_finite(probabilities: NDArray[Any]) -> ModelFailed:
    row, column = (int(part) for part in np.argwhere(~np.isfinite(probabilities))[0])
    several = len(probabilities) > 1
    return ModelFailed(
        f"the model gave a number that is not finite{f' for row {row}' if several else ''}",
        expected="finite numbers, since JSON has no others",
        given=f"{probabilities[row, column]}",
        index=row if several else None,
    )


def _wrong_length(width: int, length: int, index: int | None) -> InvalidInput:
    where = "features" if index is None else f"row {index} of instances"
    return InvalidInput(
        f"{where} has the wrong length", expected=f"{width} numbers", given=f"{length} numbers", index=index
    )


def _surely_fit(rows: NDArray[np.float64], spec: TensorSpec) -> bool:
    """Whether every number is within the bounds even before it is rounded to the tensor's precision.

    Rounding keeps an order, so that those which are stay within them; of the others `_check_bounds` finds out.
    """
    low, high = _bounds(spec.dtype, spec.minimum, spec.maximum)
    # By the ufuncs themselves: the methods min and max cost more than the numbers of one row.
    return bool(low <= np.minimum.reduce(rows, axis=None) and np.maximum.reduce(rows, axis=None) <= high)


@lru_cache(maxsize=64)
def _bounds(dtype: np.dtype[Any], minimum: float | None, maximum: float | None) -> tuple[float, float]:
    """The least and the greatest number that a tensor may hold."""
    finite = np.finfo(dtype)
    low = float(finite.min) if minimum is None else max(minimum, float(finite.min))
    return low, float(finite.max) if maximum is None else min(maximum, float(finite.max))


def _check_bounds(tensor: NDArray[Any], spec: TensorSpec, *, single: bool) -> None:
    # In the tensor's own precision, because 0.1 in FP32 lies above 0.1 and should be within a maximum of 0.1.
    low = -np.inf if spec.minimum is None else float(spec.dtype.type(spec.minimum))
    high = np.inf if spec.maximum is None else float(spec.dtype.type(spec.maximum))
    smallest, largest = float(np.minimum.reduce(tensor, axis=None)), float(np.maximum.reduce(tensor, axis=None))
    if low <= smallest and largest <= high and isfinite(smallest) and isfinite(largest):
        return
    with np.errstate(invalid="ignore"):
        wrong = (tensor < low) | (tensor > high) | ~np.isfinite(tensor)
    row, column = (int(part) for part in np.argwhere(wrong)[0])
    value = float(tensor[row, column])
    if not np.isfinite(value):
        raise InvalidInput(
            f"the number at position {column} does not fit {spec.datatype}",
            expected=f"finite numbers within {spec.datatype}",
            given="a number beyond its range",
            index=None if single else row,
        )
    expected = f"numbers from {low:g} to {high:g}"
    if spec.maximum == 1 and smallest >= 0 and largest <= 255:  # noqa: PLR2004  # the largest value of an 8-bit pixel
        expected += "; these look like pixels from 0 to 255: should they be divided by 255?"
    raise InvalidInput(
        f"the number at position {column} is out of bounds",
        expected=expected,
        given=f"{value:g}",
        index=None if single else row,
    )
