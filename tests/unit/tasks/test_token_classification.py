from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from plimsoll.errors import BundleError, ModelFailed
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.token_classification import TokenClassification

from tests.doubles.small_tokenizers import tokenizer_file

INPUTS = (TensorSpec("input_ids", "INT64", (-1, -1)), TensorSpec("attention_mask", "INT64", (-1, -1)))
LABELS = ("O", "B-PER", "I-PER")
OPTIONS = {"padding": {"longest": 16, "mask": "attention_mask"}}


def task_of(*shape: int, labels: tuple[str, ...] = LABELS, datatype: Any = "FP32") -> TokenClassification:
    output = TensorSpec("scores", datatype, shape or (-1, -1, 3), labels=labels)
    return TokenClassification(Signature(INPUTS, (output,)), OPTIONS, lambda _: tokenizer_file())


TASK = task_of()
TEXTS = ["good film", "\U0001f600 Ada"]


def scores() -> np.ndarray[Any, np.dtype[np.float32]]:
    """The model finds the name alone; what stands in the padding counts for nothing."""
    given = np.zeros((2, 8, 3), np.float32)
    given[:, :, 0] = 1
    given[1, 2] = [0.125, 0.875, 0]
    given[:, 4:] = [0, 1, 0]
    return given


def test_an_entity_has_its_kind_its_place_in_code_points_its_text_and_a_confidence() -> None:
    question = TASK.read(json.dumps({"instances": TEXTS}).encode())
    results = TASK.results(question, {"scores": scores()})
    assert results == [
        {"entities": [], "tokens": 4, "tokens_cut": 0},
        {
            "entities": [{"entity": "PER", "start": 2, "end": 5, "text": "Ada", "confidence": 0.875}],
            "tokens": 4,
            "tokens_cut": 0,
        },
    ]
    schema = TASK.result_schema()["properties"]
    assert set(schema) == set(results[0])
    assert set(schema["entities"]["items"]["properties"]) == set(results[1]["entities"][0])


def test_protocols_of_tensors_get_the_entities_as_json() -> None:
    question = TASK.of_tensors({"text": np.array([each.encode() for each in TEXTS], np.object_)})
    tensors = TASK.tensors(question, {"scores": scores()})
    assert list(tensors) == [spec.name for spec in TASK.wire.outputs]
    assert [len(json.loads(each)) for each in tensors["entities"]] == [0, 1]


def test_a_score_that_is_not_finite_is_the_fault_of_the_model_in_its_row() -> None:
    question = TASK.read(json.dumps({"instances": TEXTS}).encode())
    given = scores()
    given[1, 0, 0] = np.inf
    with pytest.raises(ModelFailed) as caught:
        TASK.results(question, {"scores": given})
    assert caught.value.index == 1
    given = scores()
    given[0, 7, 0] = np.inf  # padding
    TASK.results(question, {"scores": given})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"labels": ("O", "B-PER", "PER")}, "with the label 'PER'"),
        ({"labels": ("B-LOC", "B-PER", "I-PER")}, "without the label 'O'"),
        ({"labels": ()}, "without labels"),
        ({"datatype": "INT64"}, "is INT64"),
    ],
)
def test_a_model_with_other_outputs_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        task_of(**arguments)
    with pytest.raises(BundleError, match="give one score for each token and label"):
        task_of(-1, 3)
    with pytest.raises(BundleError, match="it has 2 outputs"):
        TokenClassification(Signature(INPUTS, (TensorSpec("a", "FP32", (-1, 2)), TensorSpec("b", "FP32", (-1, 2)))))
