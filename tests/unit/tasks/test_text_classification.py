from __future__ import annotations

import numpy as np
import orjson
import pytest
from plimsoll.errors import BundleError, ModelFailed
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.text_classification import TextClassification

from tests.doubles.small_tokenizers import tokenizer_file

INPUTS = (TensorSpec("input_ids", "INT64", (-1, -1)), TensorSpec("attention_mask", "INT64", (-1, -1)))
SCORES = TensorSpec("probabilities", "FP32", (-1, 2), labels=("bad", "good"))
OPTIONS = {"padding": {"longest": 16, "mask": "attention_mask"}, "longest_tokens": 4}


def task_of(*outputs: TensorSpec) -> TextClassification:
    return TextClassification(Signature(INPUTS, outputs), OPTIONS, lambda _: tokenizer_file())


def test_a_text_gets_its_class_with_the_confidence_and_the_tokens_that_were_read() -> None:
    task = task_of(SCORES)
    question = task.read(b'{"instances": ["good", "bad bad bad"]}')
    scores = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    assert orjson.loads(
        orjson.dumps(task.results(question, {"probabilities": scores}), option=orjson.OPT_SERIALIZE_NUMPY)
    ) == [
        {"class": "good", "probabilities": [0.25, 0.75], "confidence": 0.75, "tokens": 3, "tokens_cut": 0},
        {"class": "bad", "probabilities": [0.5, 0.5], "confidence": 0.5, "tokens": 4, "tokens_cut": 1},
    ]
    assert task.classes is not None
    assert set(task.result_schema()["properties"]) == set(task.results(question, {"probabilities": scores})[0])


def test_one_score_with_a_threshold_will_do() -> None:
    task = task_of(TensorSpec("score", "FP32", (-1, 1), labels=("ham", "spam"), threshold=0.9))
    question = task.read(b'{"text": "good"}')
    (result,) = task.results(question, {"score": np.array([[0.75]], np.float32)})
    assert (result["class"], result["confidence"]) == ("ham", 0.25)


def test_a_score_that_is_not_finite_is_the_fault_of_the_model() -> None:
    task = task_of(SCORES)
    with pytest.raises(ModelFailed):
        task.results(task.read(b'{"text": "good"}'), {"probabilities": np.full((1, 2), np.nan, np.float32)})


def test_a_model_with_other_outputs_is_refused() -> None:
    with pytest.raises(BundleError, match="nothing can ask this model: its output 'y' is FP32"):
        task_of(TensorSpec("y", "FP32", (-1, 2)))
