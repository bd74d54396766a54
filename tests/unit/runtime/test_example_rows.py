from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype, Tensors, TensorSpec
from plimsoll.runtime.example_rows import checked_examples, tensor_of
from plimsoll.runtime.foreign_code import foreign_code

from tests.doubles.new_models import NumpyModel


def ids(rows: int, length: int) -> NDArray[np.int64]:
    return np.arange(rows * length).reshape(rows, length)


def test_a_dimension_that_differs_is_open_and_every_other_one_is_fixed() -> None:
    arrays = [np.zeros((2, 3, length, 5), np.float32) for length in (7, 9, 7)]
    assert tensor_of("x", arrays, minimum=0, maximum=None) == {
        "name": "x", "datatype": "FP32", "shape": [-1, 3, -1, 5], "minimum": 0,
    }  # fmt: skip


@given(
    rank=st.integers(1, 4),
    data=st.data(),
    datatype=st.sampled_from(sorted(set(NUMPY_DTYPES) - {"BF16"})),
)
def test_a_signature_accepts_the_arrays_that_it_was_derived_from_and_says_no_more_than_it_must(
    rank: int, data: st.DataObject, datatype: Datatype
) -> None:
    shapes = data.draw(st.lists(st.tuples(*[st.integers(1, 3)] * rank), min_size=1, max_size=4))
    record = tensor_of("x", [np.zeros(shape, NUMPY_DTYPES[datatype]) for shape in shapes])
    spec = TensorSpec("x", record["datatype"], tuple(record["shape"]))
    assert spec.datatype == datatype
    assert all(spec.accepts(np.zeros(shape, NUMPY_DTYPES[datatype])) for shape in shapes)
    for position in range(1, rank):
        assert (spec.shape[position] == -1) == (len({shape[position] for shape in shapes}) > 1)


@pytest.mark.parametrize("other", [np.zeros((2, 5), np.float64), np.zeros((2, 5, 1), np.float32)])
def test_arrays_that_differ_in_more_than_lengths_are_refused(other: NDArray[Any]) -> None:
    with pytest.raises(BundleError, match=r"'x' is float32 of shape .* in one example .* only lengths may differ"):
        tensor_of("x", [np.zeros((2, 4), np.float32), other])


def test_inputs_come_in_the_order_of_the_model_and_contiguous() -> None:
    given = {"b": ids(2, 3)[:, ::-1], "a": np.zeros((2, 1), ">f4")}
    (example,) = checked_examples([given], NumpyModel(["a", "b"]))
    assert list(example) == ["a", "b"]
    assert all(tensor.flags.c_contiguous and tensor.dtype.isnative for tensor in example.values())
    assert np.array_equal(example["b"], given["b"])


def test_one_number_a_row_is_an_input_next_to_others() -> None:
    (example,) = checked_examples([{"ids": ids(2, 3), "age": np.zeros(2, np.float32)}], NumpyModel(None))
    assert example["age"].shape == (2,)


def test_one_number_a_row_is_the_only_input_if_the_model_answers_one_row_of_it() -> None:
    (example,) = checked_examples([{"moment": np.arange(3.0)}], NumpyModel(None))
    assert example["moment"].shape == (3,)


@pytest.mark.parametrize(
    "answer",
    [
        lambda numbers: numbers @ np.ones((3, 2)),  # raises on one number
        lambda numbers: numbers.sum(keepdims=True),
        lambda numbers: numbers / numbers.sum(),
        lambda numbers: numbers.mean(),
    ],
)
def test_a_list_of_numbers_that_the_model_takes_for_one_row_is_refused(
    answer: Callable[[NDArray[Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(inputs: Tensors) -> dict[str, NDArray[Any]]:
        with foreign_code("weights", "the model cannot be run on the example"):
            return {"output": np.asarray(answer(inputs["x"]))}

    model = NumpyModel(None)
    monkeypatch.setattr(model, "run", run)
    with pytest.raises(BundleError, match=r"is one list of 3 numbers, and rows are .* save example\[None\]"):
        checked_examples([{"x": np.array([1.0, 2.0, 4.0])}], model)


@pytest.mark.parametrize(
    ("examples", "check", "sentence"),
    [
        ([], "golden", "one to 8 examples are expected, and 0 are given"),
        ([{"a": ids(2, n), "b": ids(2, 1)} for n in range(1, 10)], "golden", "one to 8 examples are expected, and 9"),
        (
            [{"a": ids(2, 3), "b": ids(3, 3)}],
            "golden",
            "an example needs as many rows of each input, and it has 2 of 'a', 3 of 'b'",
        ),
        (
            [{"a": ids(2, 3), "b": ids(2, 1)}, {"a": ids(4, 3), "b": ids(4, 1)}],
            "golden",
            "two examples have rows of the same shape, [3]; a second example is for rows of another length",
        ),
        (
            [{"a": ids(2, 3), "b": ids(2, 1)}, {"a": ids(2, 4)}],
            "golden",
            "one example has the inputs 'a', 'b', and another one 'a'; give each input in each example",
        ),
        (
            [{"a": ids(2, 3)}],
            "signature",
            "the inputs of the model are 'a', 'b', and the example has 'a'; give an example of each by its name",
        ),
        ([{"a": ids(2, 3), "b": np.zeros(())}], "golden", "the example of 'b' needs at least one row, [rows, ...]"),
        ([{"a": ids(1, 3), "b": np.full((1, 1), np.nan)}], "golden", "the example of 'b' holds numbers that are not"),
    ],
)
def test_examples_that_do_not_fit_are_refused(examples: list[Tensors], check: str, sentence: str) -> None:
    with pytest.raises(BundleError) as caught:
        checked_examples(examples, NumpyModel(["a", "b"]))
    assert caught.value.check == check
    assert sentence in caught.value.message
