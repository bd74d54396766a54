from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plimsoll.errors import BundleError, InvalidInput, ModelFailed
from plimsoll.inference.payloads import TensorSpec

from tests.doubles.counting_encoder import STATES, VECTORS, WIDTH, task_of

BODY = b'{"instances": ["good", "bad film the bad film the bad film"]}'
GIVEN = np.array([[3, 0, 4, 0], [0, 0, 0, 2]], np.float32)


def test_each_text_gets_a_vector_of_length_1_with_the_tokens_that_were_read() -> None:
    task = task_of()
    question = task.read(BODY)
    first, second = task.results(question, {"vectors": GIVEN})
    assert first["embedding"] == pytest.approx([0.6, 0, 0.8, 0])
    assert second["embedding"] == pytest.approx([0, 0, 0, 1])
    assert [(each["tokens"], each["tokens_cut"]) for each in (first, second)] == [(3, 0), (8, 2)]
    assert GIVEN[0, 0] == 3, "the outputs of the model are not written into, since a cache may keep them"
    assert set(task.result_schema()["properties"]) == set(first)
    assert task.dimensions == WIDTH


def test_a_vector_may_stay_as_long_as_it_is() -> None:
    task = task_of(normalise=False)
    results = task.results(task.read(BODY), {"vectors": GIVEN})
    assert np.array_equal([each["embedding"] for each in results], GIVEN)


def test_states_of_tokens_are_averaged_without_those_of_padding() -> None:
    task = task_of(STATES, normalise=False)
    states = np.full((2, 8, WIDTH), 1e6, np.float32)
    states[0, :3] = [[1, 0, 0, 0], [2, 0, 0, 0], [6, 0, 0, 3]]
    states[1, :8] = 2
    first, second = task.results(task.read(BODY), {"states": states})
    assert (task.slow_results, task_of().slow_results) == (True, False)
    assert first["embedding"].tolist() == [3, 0, 0, 1]
    assert second["embedding"].tolist() == [2, 2, 2, 2]


def test_a_vector_without_a_direction_stays_as_it_is() -> None:
    task = task_of()
    (result,) = task.results(task.read(b'{"text": "good"}'), {"vectors": np.zeros((1, WIDTH), np.float32)})
    assert result["embedding"].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e-40])
def test_neither_large_nor_small_numbers_change_the_direction(scale: float) -> None:
    task = task_of()
    (result,) = task.results(task.read(b'{"text": "good"}'), {"vectors": GIVEN[:1] * np.float32(scale)})
    assert result["embedding"] == pytest.approx([0.6, 0, 0.8, 0], rel=1e-4)


def test_a_number_that_is_not_finite_is_the_fault_of_the_model() -> None:
    task = task_of()
    spoilt = GIVEN.copy()
    spoilt[1, 2] = np.inf
    with pytest.raises(ModelFailed) as raised:
        task.results(task.read(BODY), {"vectors": spoilt})
    assert raised.value.index == 1


def test_protocols_of_tensors_get_the_same_vectors_and_counts() -> None:
    task = task_of()
    question = task.of_tensors({"text": np.array([b"good", b"bad film"], np.object_)})
    found = task.tensors(question, {"vectors": GIVEN})
    assert [spec.name for spec in task.wire.outputs] == list(found) == ["embedding", "tokens", "tokens_cut"]
    assert found["embedding"][0] == pytest.approx([0.6, 0, 0.8, 0])
    assert found["tokens"].tolist() == [3, 4]
    for spec in task.wire.outputs:
        assert spec.accepts(found[spec.name])


def test_texts_of_another_format_are_the_same_question() -> None:
    task = task_of()
    question = task.of_texts(["good", "bad film"], "ann", single=False)
    assert (question.rows, question.user) == (2, "ann")
    with pytest.raises(InvalidInput) as raised:
        task.of_texts(["good", ""], None, single=False)
    assert raised.value.index == 1


@pytest.mark.parametrize(
    ("output", "options", "words"),
    [
        (TensorSpec("y", "FP32", (-1,)), {}, "cannot read vectors from the outputs 'y'"),
        (TensorSpec("y", "INT64", (-1, 4)), {}, "cannot read vectors"),
        (TensorSpec("y", "FP32", (-1, -1)), {}, "cannot read vectors"),
        (TensorSpec("y", "FP32", (-1, 8, 4)), {}, "cannot read vectors"),
        (VECTORS, {"normalise": "yes"}, "'normalise' of the task embeddings is true or false"),
        (VECTORS, {"normalize": True}, "'normalize'"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_version_is_loaded(
    output: TensorSpec, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(BundleError, match=words):
        task_of(output, **options)


def test_two_versions_read_texts_alike_only_with_the_same_tokens() -> None:
    assert task_of() == task_of(normalise=False)
    assert task_of() != task_of(longest_tokens=4)
