"""A request with its expected predictions for each loaded version, by which a client proves the way to the model."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.bundle.golden_requests import read_requests
from plimsoll.errors import PlimsollError
from plimsoll.inference.ports import Task

LONGEST_BODY = 1 << 20
"""In bytes, because the request stays in memory as long as its version."""


class SampleRequest(NamedTuple):
    """A JSON body, and its predictions, which are `None` if only the model itself can say them."""

    body: bytes
    predictions: list[Any] | None


def sample_request(bundle: Bundle, samples: GoldenSamples, task: Task) -> SampleRequest | None:
    """The first golden request of a bundle, or else its first golden sample as a request; `None` if both are too long.

    Raises:
        BundleError: see `read_requests`.
    """
    for request in read_requests(bundle):
        if len(request.body) <= LONGEST_BODY:
            return SampleRequest(request.body, request.predictions)
    if bundle.manifest.golden.requests is not None:
        return None
    return _of_samples(samples, task)


def _of_samples(samples: GoldenSamples, task: Task) -> SampleRequest | None:
    if sum(tensor[0].nbytes for tensor in samples.inputs.values()) > LONGEST_BODY:
        return None
    example = task.example_row({name: tensor[0] for name, tensor in samples.inputs.items()})
    if example is None:
        return None
    body = orjson.dumps({task.item: example}, option=orjson.OPT_SERIALIZE_NUMPY)
    if len(body) > LONGEST_BODY:
        return None
    try:
        question = task.read(body)
        if question.shapes:  # the task may pad it, and the outputs of the sample are not padded
            return SampleRequest(body, None)
        results = task.results(question, {name: tensor[:1] for name, tensor in samples.outputs.items()})
    except PlimsollError:
        return None
    return SampleRequest(body, orjson.loads(orjson.dumps(results, option=orjson.OPT_SERIALIZE_NUMPY)))
