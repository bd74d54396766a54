"""Golden requests: read from a bundle, and compared with what a server answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden_requests import (
    GoldenRequest,
    body_of,
    first_difference,
    pack_requests,
    predictions_of,
    read_requests,
)
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.tasks.tensors import TensorTask

from tests.conftest import MakeBundle
from tests.doubles.bundles import replace_file
from tests.doubles.models import EchoModel, flat_signature
from tests.doubles.own_tasks import with_requests

GOOD = {"body": {"features": [1, 2]}, "predictions": [{"class": "b"}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)


def test_requests_are_read_as_they_were_packed(make_tiny_bundle: MakeBundle) -> None:
    assert read_requests(make_tiny_bundle()) == []
    bundle = with_requests(make_tiny_bundle(version="2"), [GOOD, {**GOOD, "body": '{"features":  [1,2]}'}])
    requests = read_requests(bundle)
    assert requests == [
        GoldenRequest(b'{"features":[1,2]}', GOOD["predictions"]),  # type: ignore[arg-type]
        GoldenRequest(b'{"features":  [1,2]}', GOOD["predictions"]),  # type: ignore[arg-type]
    ]
    assert json.loads(pack_requests(requests)) == [GOOD, GOOD]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[", "requests.json is not JSON"),
        (b"{}", "requests.json holds no golden requests"),
        (b"[]", "requests.json holds no golden requests"),
        (json.dumps([GOOD] * 101).encode(), "requests.json holds no golden requests"),
        (json.dumps([GOOD, {"body": 1}]).encode(), "request 1 of requests.json has another form"),
        (json.dumps([{**GOOD, "predictions": {}}]).encode(), "request 0 of requests.json has another form"),
        (json.dumps([{**GOOD, "error": "x"}]).encode(), "request 0 of requests.json has another form"),
        (
            b'[{"body": %b1%b, "predictions": []}]' % (b"[" * 251, b"]" * 251),
            "the body of request 0 of requests.json is nested too deeply; expected are at most 250 levels",
        ),
        (
            b'[{"body": 1, "predictions": %b1%b}]' % (b'[{"a":' * 200, b"}]" * 200),
            "the list of predictions of request 0 of requests.json is nested too deeply",
        ),
        (b'"' + b" " * (16 << 20) + b'"', "requests.json has 16777218 bytes; golden requests have 16777216 at most"),
    ],
    ids=[
        "half",
        "object",
        "none",
        "too many",
        "no predictions",
        "no list",
        "more fields",
        "deep body",
        "deep answer",
        "too long",
    ],
)
def test_a_file_of_another_form_is_refused(make_tiny_bundle: MakeBundle, content: bytes, sentence: str) -> None:
    bundle = replace_file(with_requests(make_tiny_bundle(), [GOOD]), "requests.json", content)
    with pytest.raises(BundleError) as caught:
        read_requests(bundle)
    assert caught.value.check == "golden"
    assert caught.value.message.startswith(sentence)


def test_a_body_of_the_deepest_that_is_allowed_is_read_and_packed(make_tiny_bundle: MakeBundle) -> None:
    deep = json.loads("[" * 250 + "]" * 250)
    assert body_of(deep, "the body") == b"[" * 250 + b"]" * 250
    bundle = with_requests(make_tiny_bundle(), [{**GOOD, "body": deep}])
    assert json.loads(pack_requests(read_requests(bundle)))[0]["body"] == deep


def test_a_file_that_was_changed_is_refused(make_tiny_bundle: MakeBundle) -> None:
    bundle = with_requests(make_tiny_bundle(), [GOOD])
    (bundle.path / "requests.json").write_bytes(b"[]")
    with pytest.raises(BundleError) as caught:
        read_requests(bundle)
    assert caught.value.check == "digest"


def test_predictions_are_those_that_a_client_reads() -> None:
    signature = flat_signature(2)
    assert predictions_of(b'{"features": [0.1, 0.9]}', EchoModel(signature), TabularClassification(signature)) == [
        {"class": "b", "probabilities": [0.1, 0.9]}
    ]
    spec = TensorSpec("x", "INT64", (-1, -1))
    opened = Signature((spec,), (TensorSpec("y", "INT64", (-1, -1)),))
    assert predictions_of(b'{"inputs": {"x": [1, 2, 3]}}', EchoModel(opened), TensorTask(opened)) == [
        {"outputs": {"y": [1, 2, 3]}}
    ]


@pytest.mark.parametrize(
    ("expected", "given", "difference"),
    [
        ([{"class": "a"}], [{"class": "b"}], 'predictions[0].class is "b", expected is "a"'),
        ([{"class": "a"}], [{"class": None}], 'predictions[0].class is null, expected is "a"'),
        ([1.0], [1.1], "predictions[0] is 1.1, expected is 1.0 within 0.01 + 0.02 x |expected|"),
        ([1], [True], "predictions[0] is true, expected is 1"),
        ([[1, 2]], [[1, 2, 3]], "predictions[0] has 3 values, expected are 2"),
        ([{"a": 1}], [{"b": 1}], "predictions[0] has the field 'a' expected and not answered"),
        ([{"a": 1}], [{"a": 1, "b": 1}], "predictions[0] has the field 'b' answered and not expected"),
        ([{"a": [1]}], [{"a": 1}], "predictions[0].a is 1, expected is [1]"),
        (["x" * 200], ["y"], 'predictions[0] is "y", expected is "xxx'),
        ([100], [101.9], ""),
        ([0, 5], [0.005, 5], ""),
    ],
)
def test_the_first_difference_is_said(
    make_tiny_bundle: MakeBundle, expected: list[Any], given: list[Any], difference: str
) -> None:
    bundle = make_tiny_bundle(absolute_tolerance=0.01, relative_tolerance=0.02)
    said = first_difference(bundle, expected, given)
    assert said.startswith(difference)
    assert bool(said) == bool(difference)
    assert len(said) < 250


@pytest.fixture
def exact(make_tiny_bundle: MakeBundle) -> Bundle:
    """A bundle without any tolerance."""
    return make_tiny_bundle(absolute_tolerance=0, relative_tolerance=0)


@given(value=JSON, other=JSON)
def test_only_what_is_alike_has_no_difference(exact: Bundle, value: object, other: object) -> None:
    alike = json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert first_difference(exact, value, value) == ""
    assert (first_difference(exact, value, other) == "") == alike


def test_numbers_are_compared_within_the_tolerance_of_the_manifest(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle(absolute_tolerance=0.1)
    scores = np.linspace(0, 1, 5)
    assert first_difference(bundle, scores.tolist(), (scores + 0.09).tolist()) == ""
    assert first_difference(bundle, scores.tolist(), (scores + 0.11).tolist()).startswith("predictions[0] is 0.11")
