"""What every task of texts shares, seen through the task that classifies them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.errors import BundleError, ClientError, InvalidInput, MalformedBody, UnsupportedMediaType
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.number_rows import MAX_ROWS
from plimsoll.tasks.text_classification import TextClassification
from plimsoll.tasks.texts import TYPE_IDS, TextReader, TextRows, counts_of

from tests.doubles.small_tokenizers import WORDS, tokenizer_file

IDS = TensorSpec("input_ids", "INT64", (-1, -1), minimum=0, maximum=20)
MASK = TensorSpec("attention_mask", "INT64", (-1, -1))
TYPES = TensorSpec(TYPE_IDS, "INT32", (-1, -1))
SCORES = TensorSpec("probabilities", "FP32", (-1, 2), labels=("bad", "good"))
PADDING = {"lengths": [4, 8, 16], "mask": "attention_mask"}
OPTIONS: dict[str, Any] = {"padding": PADDING}
FILES = {"tokenizer.json": tokenizer_file(), "other.json": tokenizer_file([*WORDS, "more"])}


def task_of(
    options: dict[str, Any] = OPTIONS, *inputs: TensorSpec, limits: TaskLimits = DEFAULT_LIMITS
) -> TextClassification:
    return TextClassification(Signature(inputs or (IDS, MASK), (SCORES,)), options, FILES.__getitem__, limits)


TASK = task_of()


def question_of(task: TextReader = TASK, **body: Any) -> TextRows:
    return task.read(json.dumps(body).encode())


def written(question: TextRows, *inputs: TensorSpec) -> dict[str, NDArray[Any]]:
    made = {
        spec.name: np.full((question.rows, *shape), 77, spec.dtype)
        for spec, shape in zip(inputs or (IDS, MASK), question.shapes, strict=True)
    }
    question.write(made)
    return made


def test_texts_become_padded_ids_with_a_mask() -> None:
    question = question_of(instances=["good film", "the naive films"], user="ada")
    inputs = written(question)
    assert inputs["input_ids"].tolist() == [[2, 4, 6, 3, 0, 0, 0, 0], [2, 7, 11, 6, 9, 3, 0, 0]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]]
    assert question.padding == 2 * (4 + 2)
    assert question.user == "ada"


def test_a_model_may_take_type_ids_and_have_no_mask() -> None:
    task = task_of({"padding": {"longest": 16, "values": {"input_ids": 9}}}, IDS, TYPES)
    inputs = written(question_of(task, text="good"), IDS, TYPES)
    assert inputs["input_ids"].tolist() == [[2, 4, 3, 9, 9, 9, 9, 9]]
    assert inputs[TYPE_IDS].tolist() == [[0] * 8]


def test_one_text_of_several_is_padded_as_it_alone_needs() -> None:
    question = question_of(instances=["good", "good " * 9]).row(0)
    assert question.shapes == ((4,), (4,))
    assert counts_of(question) == [{"tokens": 3, "tokens_cut": 0}]


@pytest.mark.parametrize(
    ("chosen", "limit", "tokens"), [({}, 8192, 16), ({"longest_tokens": 5}, 8192, 5), ({"longest_tokens": 5}, 4, 4)]
)
def test_the_longest_tokens_are_those_of_padding_option_and_server_and_the_rest_is_counted(
    chosen: dict[str, Any], limit: int, tokens: int
) -> None:
    question = question_of(task_of({**OPTIONS, **chosen}, limits=TaskLimits(limit)), text="good " * 30)
    assert counts_of(question) == [{"tokens": tokens, "tokens_cut": 32 - tokens}]


def test_texts_come_as_bytes_in_protocols_of_tensors() -> None:
    texts = ["good", "nai\u0308ve \U0001f600"]
    question = TASK.of_tensors({"text": np.array([each.encode() for each in texts], np.object_)})
    same = written(question_of(instances=texts))
    assert np.array_equal(written(question)["input_ids"], same["input_ids"])
    tensors = TASK.tensors(question, {"probabilities": np.zeros((2, 2), np.float32)})
    assert [spec.name for spec in TASK.wire.outputs] == ["probabilities", "tokens", "tokens_cut"]
    assert tensors["tokens"].tolist() == [3, 4]
    assert tensors["tokens_cut"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("elements", "message", "index"),
    [
        ([b"good", b"\xff"], "an element of the input 'text' is no text", 1),
        ([b"\xff"], "an element of the input 'text' is no text", None),
        ([b"good", b""], "text 1 is empty", 1),
        ([b"\xcc\x81"], "the tokenizer of this model leaves nothing of the text", None),
    ],
)
def test_bytes_that_are_no_text_are_refused_by_their_index(
    elements: list[bytes], message: str, index: int | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        TASK.of_tensors({"text": np.array(elements, np.object_)})
    assert (caught.value.message, caught.value.index) == (message, index)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"{}", "give either 'text' or 'instances'"),
        (b'{"instances": []}', "the number of rows is out of range"),
        (b'{"text": "\\ud83d"}', "the text holds half a character"),
        (b'{"text": ""}', "the text is empty"),
        (b'{"text": "\xcc\x81"}', "the tokenizer of this model leaves nothing of the text"),
        (json.dumps({"instances": ["a"] * (MAX_ROWS + 1)}).encode(), "the number of rows is out of range"),
        (json.dumps({"instances": ["a"] * 100_000}).encode(), "the body holds too many texts"),
        (json.dumps({"text": "a," * 5_000_000}).encode(), "the text is too long"),
    ],
)
def test_bodies_that_hold_no_texts_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(ClientError) as caught:
        TASK.read(body)
    assert caught.value.message == message


def test_rows_of_numbers_are_no_texts() -> None:
    with pytest.raises(UnsupportedMediaType):
        TASK.of_rows(np.zeros((1, 2)))


@given(st.lists(st.text(max_size=40), max_size=4), st.booleans())
def test_any_texts_are_read_or_refused_with_a_sentence(texts: list[str], ascii_only: bool) -> None:
    body = json.dumps({"instances": texts}, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    with contextlib.suppress(InvalidInput, MalformedBody):
        question = TASK.read(body)
        assert question.rows == len(texts)
        written(question)


@pytest.mark.parametrize(
    ("options", "inputs", "sentence"),
    [
        ({}, (), "the task text-classification needs the option 'padding'"),
        ({**OPTIONS, "longest_tokens": 0}, (), "an option is malformed: longest_tokens"),
        ({**OPTIONS, "longest_tokens": 2}, (), "the tokenizer adds 2 tokens to each text and 2 are read at most"),
        ({**OPTIONS, "tokenizer": "../x"}, (), "an option is malformed: tokenizer"),
        ({**OPTIONS, "top": 1}, (), "the task text-classification takes the option tokenizer, padding, longest_tokens"),
        (OPTIONS, (IDS, MASK, TensorSpec("more", "INT64", (-1, -1))), "cannot fill the inputs 'input_ids', 'attention"),
        (OPTIONS, (TensorSpec("x", "FP32", (-1, -1)), MASK), "cannot fill the inputs 'x', 'attention_mask'"),
        (OPTIONS, (TensorSpec("x", "INT64", (-1, -1), maximum=12), MASK), "ids up to 13, and 'x' takes 12 at most"),
    ],
)
def test_a_model_or_option_that_does_not_fit_is_refused(
    options: dict[str, Any], inputs: tuple[TensorSpec, ...], sentence: str
) -> None:
    with pytest.raises(BundleError) as caught:
        task_of(options, *inputs)
    assert caught.value.check == "task"
    assert sentence in caught.value.message


def test_the_file_of_the_tokenizer_may_have_another_name() -> None:
    with pytest.raises(BundleError, match=r"its task reads 'tokenizer\.json'"):
        TextClassification(Signature((IDS, MASK), (SCORES,)), OPTIONS)
    assert task_of({**OPTIONS, "tokenizer": "other.json"}) != TASK


def test_tasks_are_equal_if_every_text_means_the_same_to_both() -> None:
    assert task_of() == TASK
    assert hash(task_of()) == hash(TASK)
    assert task_of({**OPTIONS, "longest_tokens": 5}) != TASK


def test_an_example_is_made_of_the_tokens_of_a_golden_row() -> None:
    assert TASK.example_row({"input_ids": np.array([2, 4, 6, 9, 3])}) == "good films"
    assert TASK.example_row({"input_ids": np.array([2, 3])}) == "a text"
    assert TASK.row_schema()["type"] == "string"
