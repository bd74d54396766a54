"""The request with its predictions that a loaded version shows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from plimsoll.bundle.golden import GoldenSamples, read_golden
from plimsoll.bundle.sample_request import LONGEST_BODY, SampleRequest, sample_request
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.tasks.tensors import TensorTask

from tests.conftest import MakeBundle
from tests.doubles.own_tasks import with_requests

GOOD = {"body": {"features": [1, 2]}, "predictions": [{"class": "b"}]}
LONG = {"body": {"features": [1] * LONGEST_BODY}, "predictions": []}


def test_the_first_golden_request_that_is_short_enough_is_shown(make_tiny_bundle: MakeBundle) -> None:
    bundle = with_requests(make_tiny_bundle(), [LONG, GOOD])
    task = TabularClassification(bundle.manifest.line_signature())
    assert sample_request(bundle, read_golden(bundle), task) == SampleRequest(b'{"features":[1,2]}', [{"class": "b"}])
    only_long = with_requests(make_tiny_bundle(version="2"), [LONG])
    assert sample_request(only_long, read_golden(only_long), task) is None


def test_without_golden_requests_the_first_golden_sample_becomes_one(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    samples = read_golden(bundle)
    shown = sample_request(bundle, samples, TabularClassification(bundle.manifest.line_signature()))
    assert shown is not None
    assert shown.predictions is not None
    (prediction,) = shown.predictions
    assert np.allclose(json.loads(shown.body)["features"], next(iter(samples.inputs.values()))[0])
    assert np.allclose(prediction["probabilities"], next(iter(samples.outputs.values()))[0])


def test_rows_that_may_be_padded_have_no_expected_predictions(make_tiny_bundle: MakeBundle) -> None:
    signature = Signature((TensorSpec("x", "FP32", (-1, -1)),), (TensorSpec("y", "FP32", (-1, -1)),))
    rows = {"x": np.ones((2, 3), np.float32)}
    shown = sample_request(make_tiny_bundle(), GoldenSamples(rows, {"y": rows["x"]}), TensorTask(signature))
    assert shown == SampleRequest(b'{"inputs":{"x":[1.0,1.0,1.0]}}', None)


@pytest.mark.parametrize("numbers", [LONGEST_BODY // 4 + 1, LONGEST_BODY // 8])
def test_a_sample_that_is_too_long_is_not_shown(make_tiny_bundle: MakeBundle, numbers: int) -> None:
    signature = Signature((TensorSpec("x", "FP32", (-1, numbers)),), (TensorSpec("y", "FP32", (-1, numbers)),))
    rows = np.full((1, numbers), 0.123456789, np.float32)
    assert sample_request(make_tiny_bundle(), GoldenSamples({"x": rows}, {"y": rows}), TensorTask(signature)) is None


def test_a_sample_that_the_task_refuses_is_not_shown(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    samples = read_golden(bundle)
    outputs = {name: np.full_like(tensor, np.nan) for name, tensor in samples.outputs.items()}
    task = TabularClassification(bundle.manifest.line_signature())
    assert sample_request(bundle, replace(samples, outputs=outputs), task) is None
