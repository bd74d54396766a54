"""Golden requests: bodies with the predictions that a server gave when the bundle was made."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import orjson

from plimsoll.bundle.folder import Bundle
from plimsoll.errors import BundleError
from plimsoll.inference.ports import Model, Task
from plimsoll.quoting import quote

MOST_REQUESTS = 100
_MOST_BYTES = 16 << 20
_FORM = f'a JSON array of 1 to {MOST_REQUESTS} objects {{"body": ..., "predictions": [...]}}'
_LONGEST_VALUE = 80
_DEEPEST = 250
"""Levels of lists and objects; orjson reads more of them than it writes."""


class GoldenRequest(NamedTuple):
    """The body of a predict request in JSON, and the `predictions` of its answer."""

    body: bytes
    predictions: list[Any]


def pack_requests(requests: list[GoldenRequest]) -> bytes:
    """The file of some requests whose bodies are JSON."""
    listed = [{"body": orjson.loads(each.body), "predictions": each.predictions} for each in requests]
    return orjson.dumps(listed, option=orjson.OPT_INDENT_2) + b"\n"


def body_of(value: object, place: str) -> bytes:
    """The body of a JSON value; `place` names it in the error.

    Raises:
        BundleError: with check `golden` when it is nested too deeply.
    """
    _check_depth(value, place)
    return orjson.dumps(value)


def read_requests(bundle: Bundle) -> list[GoldenRequest]:
    """The golden requests of a bundle; empty if its manifest names none.

    A `body` that is a text in the file is the body itself; any other value is written as JSON.

    Raises:
        BundleError: with check `files` or `digest`, or `golden` when the file has another form.
    """
    file = bundle.manifest.golden.requests
    if file is None:
        return []
    with bundle.open_checked(file) as opened:
        size = opened.size
        content = opened.read(min(size, _MOST_BYTES))
    if size > _MOST_BYTES:
        raise BundleError("golden", f"{file} has {size} bytes; golden requests have {_MOST_BYTES} at most")
    try:
        listed = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BundleError("golden", f"{file} is not JSON: {error}; expected {_FORM}") from None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_REQUESTS:
        raise BundleError("golden", f"{file} holds no golden requests; expected {_FORM}")
    return [_request(file, index, each) for index, each in enumerate(listed)]


def predictions_of(body: bytes, model: Model, task: Task) -> list[Any]:
    """The predictions of one body as a client would read them: read, model, results. Blocks.

    Raises:
        PlimsollError: the body is refused, or the task or the model fails on it.
    """
    question = task.read(body)
    inputs = model.new_batch(question.rows, question.shapes)
    question.write(inputs)
    results = task.results(question, model.run(inputs))
    predictions: list[Any] = orjson.loads(orjson.dumps(results, option=orjson.OPT_SERIALIZE_NUMPY))
    return predictions


def first_difference(bundle: Bundle, expected: object, given: object) -> str:
    """Say where predictions first differ by more than the manifest's tolerance; empty if they do not."""
    golden = bundle.manifest.golden
    return difference_within((golden.absolute_tolerance, golden.relative_tolerance), expected, given)


def difference_within(tolerance: tuple[float, float], expected: object, given: object) -> str:
    """Say where predictions first differ; empty if they do not.

    Numbers may differ by the absolute tolerance and the relative one together, everything else must be equal.
    """
    return _difference("predictions", expected, given, tolerance)


def _request(file: str, index: int, fields: object) -> GoldenRequest:
    if (
        not isinstance(fields, dict)
        or fields.keys() != {"body", "predictions"}
        or not isinstance(fields["predictions"], list)
    ):
        raise BundleError("golden", f"request {index} of {file} has another form; expected {_FORM}")
    body, predictions, request = fields["body"], fields["predictions"], f"request {index} of {file}"
    _check_depth(predictions, f"the list of predictions of {request}")
    return GoldenRequest(
        body.encode() if isinstance(body, str) else body_of(body, f"the body of {request}"), predictions
    )


def _check_depth(value: object, place: str) -> None:
    level: list[Any] = [value]
    for _ in range(_DEEPEST + 1):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    raise BundleError("golden", f"{place} is nested too deeply; expected are at most {_DEEPEST} levels")


def _difference(place: str, expected: object, given: object, tolerance: tuple[float, float]) -> str:
    if isinstance(expected, dict) and isinstance(given, dict):
        if odd := sorted(expected.keys() ^ given.keys()):
            there = "expected and not answered" if odd[0] in expected else "answered and not expected"
            return f"{place} has the field {quote(odd[0])} {there}"
        pairs = [(f"{place}.{name}", expected[name], given[name]) for name in expected]
    elif isinstance(expected, list) and isinstance(given, list):
        if len(expected) != len(given):
            return f"{place} has {len(given)} values, expected are {len(expected)}"
        pairs = [(f"{place}[{index}]", *both) for index, both in enumerate(zip(expected, given, strict=True))]
    else:
        return _difference_of_leaves(place, expected, given, tolerance)
    return next((fault for pair in pairs if (fault := _difference(*pair, tolerance))), "")


def _difference_of_leaves(place: str, expected: Any, given: Any, tolerance: tuple[float, float]) -> str:  # noqa: ANN401
    if not _is_number(expected) or not _is_number(given):
        same = type(expected) is type(given) and expected == given
        return "" if same else f"{place} is {_shown(given)}, expected is {_shown(expected)}"
    absolute, relative = tolerance
    if abs(float(given) - float(expected)) <= absolute + relative * abs(float(expected)):
        return ""
    return f"{place} is {given!r}, expected is {expected!r} within {absolute:g} + {relative:g} x |expected|"


def _is_number(value: Any) -> bool:  # noqa: ANN401  # JSON
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: object) -> str:
    shown = orjson.dumps(value).decode()
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}…"
