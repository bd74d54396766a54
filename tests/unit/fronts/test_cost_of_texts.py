"""Long texts are read off the event loop, in whatever protocol they come."""

from __future__ import annotations

import pytest
from plimsoll.fronts.oip import Oip
from plimsoll.fronts.v1_json import V1Json
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.inference.ports import Front, Task
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.rpc.infer_front import InferFront
from plimsoll.settings import load_settings
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.tasks.text_classification import TextClassification

from tests.doubles.models import flat_signature
from tests.doubles.small_tokenizers import tokenizer_file
from tests.unit.control.serving import served_version

JSON, ALL_BINARY = Call(RequestHead()), Call(RequestHead([(b"inference-header-content-length", b"0")]))
CASES = [(V1Json(), JSON), (Oip(), JSON), (Oip(), ALL_BINARY), (InferFront(), JSON)]
named = pytest.mark.parametrize(("front", "call"), CASES, ids=["v1", "v2", "v2 in bytes", "gRPC"])


def serving(task: Task) -> ServedVersion:
    version = served_version("echo", "1")
    return ServedVersion("echo", "1", version.signature, task, version.lane)


def text_task() -> TextClassification:
    inputs = TensorSpec("input_ids", "INT64", (-1, -1)), TensorSpec("mask", "INT64", (-1, -1))
    scores = TensorSpec("scores", "FP32", (-1, 2), labels=("no", "yes"))
    options = {"padding": {"longest": 64, "mask": "mask"}}
    return TextClassification(Signature(inputs, (scores,)), options, lambda _: tokenizer_file())


@named
def test_a_sentence_is_read_at_once_and_a_page_elsewhere(front: Front, call: Call) -> None:
    inline, served = load_settings().inline_body_bytes, serving(text_task())
    assert front.reading_cost(call, b"x" * 500, served) <= inline
    assert front.reading_cost(call, b"x" * 5_000, served) > inline


@named
def test_numbers_cost_no_more_than_before(front: Front, call: Call) -> None:
    inline, served = load_settings().inline_body_bytes, serving(TabularClassification(flat_signature(2)))
    assert front.reading_cost(call, b"1" * 20_000, served) <= inline
