"""The adapter of a task of one's own: what its code may do, and what becomes of everything else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientError, InvalidInput, MalformedBody, ModelFailed, UnsupportedMediaType
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.own_task import InvalidRow, OwnTask, Setup
from plimsoll.tasks.own_task import AdaptedTask

from tests.doubles.own_tasks import PRIVATE, READINGS, ROW, WRITINGS, Letters, Odd

LABELS = {"output": ("a", "b", "c")}
SIGNATURE = Signature((TensorSpec("input", "FP32", (-1, 4), -10, 10),), (TensorSpec("output", "FP32", (-1, 3)),))
OUTPUTS = {"output": np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], np.float32)}


def adapted(kind: type[OwnTask] = Letters, signature: Signature = SIGNATURE, **options: object) -> AdaptedTask:
    return AdaptedTask(kind(Setup(options, LABELS)), signature, ROW)


def body(*rows: object) -> bytes:
    return json.dumps({"instances": list(rows)}).encode()


def doing(do: str) -> dict[str, Any]:
    return {**ROW, "do": do}


def test_one_row_or_many_are_read_and_written() -> None:
    task = adapted()
    one = task.read(json.dumps({"letters": ROW, "user": "ann"}).encode())
    assert (one.rows, one.user, one.shapes) == (1, "ann", ())
    two = task.read(body(ROW, {**ROW, "d": 1}))
    tensors = {"input": np.zeros((2, 4), np.float32)}
    two.write(tensors)
    assert tensors["input"].tolist() == pytest.approx(np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 1]]))
    results = task.results(two, OUTPUTS)
    assert [each["label"] for each in results] == ["b", "a"]
    assert results[1]["scores"] == [0.5, 0.25, 0.25]


def test_the_code_writes_once_for_each_question() -> None:
    task = adapted()
    question = task.read(body(ROW))
    assert task.results(question, OUTPUTS) is task.results(question, {})


def test_a_row_by_itself_is_written_and_answered_and_named_by_its_place_in_the_request() -> None:
    task = adapted()
    alone = task.read(body(ROW, {**ROW, "d": 1})).row(1)
    tensors = {"input": np.zeros((1, 4), np.float32)}
    alone.write(tensors)
    assert (alone.rows, tensors["input"][0, 3]) == (1, 1)
    (result,) = task.results(alone, {"output": OUTPUTS["output"][:1]})
    assert result["label"] == "b"
    odd = adapted(Odd, write="raise")
    with pytest.raises(ModelFailed, match="row 1") as caught:
        odd.results(odd.read(body(doing(""), doing(""))).row(1), {"output": OUTPUTS["output"][:1]})
    assert caught.value.index == 1


@pytest.mark.parametrize(
    ("sent", "message", "expected"),
    [
        (b"", "the body is empty", "an object"),
        (b"{", "the body is not JSON", "an object"),
        (b"[1]", "the body has the wrong shape", 'an object {"letters": an object} for one row, or {"instances": '),
        (b'{"letters": [1]}', "'letters' has the wrong type", "an object"),
        (b'{"letters": null}', "give either 'letters' or 'instances'", "an object"),
        (b'{"letters": {}, "instances": []}', "give either 'letters' or 'instances'", "an object"),
        (b'{"inputs": {}}', "unknown field 'inputs'", "an object"),
        (b'{"instances": {}}', "'instances' has the wrong type", "an array of rows"),
        (b'{"instances": []}', "the number of rows is out of range", "1 to 100 rows"),
        (b'{"letters": {}, "user": 1}', "'user' has the wrong type", "a string"),
        (b'{"letters": {"a": 1}}', "the field 'b' is missing", "an object with 'b'"),
        (b'{"letters": {"a": true}}', "the field 'a' is not a number", "a number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_body_is_said(sent: bytes, message: str, expected: str) -> None:
    with pytest.raises((InvalidInput, MalformedBody)) as caught:
        adapted().read(sent)
    assert caught.value.message == message
    assert (caught.value.expected or "").startswith(expected)
    assert caught.value.index is None


@pytest.mark.parametrize("rows", [2, 101])
def test_the_row_at_fault_is_named(rows: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        adapted().read(body(*[ROW] * (rows - 1), "a text"))
    assert (caught.value.index, caught.value.given) == ((1, "the string 'a text'") if rows == 2 else (None, "101 rows"))


def test_a_mistake_that_the_task_finds_names_its_row() -> None:
    with pytest.raises(InvalidInput) as caught:
        adapted(Odd).read(body(ROW, doing("refuse")))
    error = caught.value
    assert (error.message, error.expected, error.given, error.index) == ("it is too odd", "an even one", "odd", 1)


@pytest.mark.parametrize("do", ["raise", "exit", *sorted(READINGS.keys() - {"far", "nan"})])
def test_what_the_code_does_wrong_is_no_mistake_of_the_client_and_says_nothing_of_it(do: str) -> None:
    with pytest.raises(ModelFailed) as caught:
        adapted(Odd).read(body(ROW, doing(do)))
    assert caught.value.index == 1
    assert caught.value.message.startswith("the task of this model")
    assert PRIVATE not in caught.value.message
    assert (PRIVATE in str(caught.value.__cause__)) == (do in ("raise", "exit"))


@pytest.mark.parametrize("do", ["far", "nan"])
def test_a_number_out_of_the_bounds_of_the_model_can_be_mended_by_the_client(do: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        adapted(Odd).read(body(ROW, doing(do)))
    assert (caught.value.index, caught.value.expected) == (1, "finite FP32 numbers from -10 to 10")


@pytest.mark.parametrize("how", ["raise", "spoil", *WRITINGS])
def test_an_answer_that_is_none_is_the_fault_of_the_model(how: str) -> None:
    task = adapted(Odd, write=how)
    with pytest.raises(ModelFailed) as caught:
        task.results(task.read(body(ROW, ROW)), OUTPUTS)
    assert caught.value.index == 0
    assert PRIVATE not in caught.value.message


def test_outputs_cannot_be_changed_for_whoever_shares_them() -> None:
    before = OUTPUTS["output"].copy()
    task = adapted(Odd, write="spoil")
    with pytest.raises(ModelFailed):
        task.results(task.read(body(ROW)), OUTPUTS)
    assert np.array_equal(OUTPUTS["output"], before)
    assert OUTPUTS["output"].flags.writeable


class Constant(Letters):
    """Reads any row as the same numbers."""

    def read(self, row: Any) -> Any:
        """Four zeros."""
        del row
        return {"input": [0, 0, 0, 0]}


class Tokens(OwnTask):
    """Takes the row for the input."""

    item = "tokens"
    row_schema = {"type": "array"}  # noqa: RUF012

    def read(self, row: Any) -> Any:
        """The row."""
        return {"input": row}

    def write(self, outputs: Any) -> Any:
        """The outputs."""
        return outputs["output"]


def test_rows_of_open_length_share_one_length_in_a_request() -> None:
    signature = Signature((TensorSpec("input", "INT64", (-1, -1)),), SIGNATURE.outputs)
    task = adapted(Tokens, signature)
    assert task.read(body([1, 2, 3])).shapes == ((3,),)
    with pytest.raises(InvalidInput, match="row 1 has another length than row 0") as caught:
        task.read(body([1, 2, 3], [4]))
    assert caught.value.index == 1
    with pytest.raises(ModelFailed, match="gave its input 'input' as float64 of shape"):
        task.read(body([]))


@pytest.mark.parametrize(
    ("datatype", "row", "fits"),
    [
        ("UINT8", [0, 255], True), ("UINT8", [0, 256], False), ("UINT8", [-1, 0], False), ("INT8", [-128, 127], True),
        ("INT32", [0.5, 1], None), ("BOOL", [True, False], True), ("BOOL", [0, 1], None), ("FP16", [0.5, 70000], False),
        ("FP64", [1, 2], True), ("FP32", [True, False], True), ("INT64", [1 << 63, 0], False), ("FP32", ["1", 2], None),
    ],
)  # fmt: skip
def test_numbers_are_those_of_the_datatype(datatype: Any, row: list[Any], fits: bool | None) -> None:
    task = adapted(Tokens, Signature((TensorSpec("input", datatype, (-1, 2)),), SIGNATURE.outputs))
    if fits:
        tensors = {"input": np.zeros((1, 2), task.read(body(row))._tensors["input"].dtype)}  # noqa: SLF001
        task.read(body(row)).write(tensors)
        assert tensors["input"].tolist() == [row]
    else:
        with pytest.raises(ModelFailed if fits is None else InvalidInput):
            task.read(body(row))


@pytest.mark.parametrize(
    ("types", "rows", "kind"),
    [
        (["object", "null"], [{}, None], "an object or null"),
        (["null", "array", "integer"], [[], None, 1], "an array, a whole number or null"),
        (["boolean", "string"], [True, "a"], "a string or true or false"),
        ("null", [None], "null"),
    ],
)
def test_rows_are_of_any_type_that_the_schema_lists(types: object, rows: list[Any], kind: str) -> None:
    task = adapted(type("Several", (Constant,), {"row_schema": {"type": types}}))
    assert task.read(body(*rows)).rows == len(rows)
    others: list[Any] = [{}, None, 1, 0.5, False, ""]
    for other in others:
        if not any(type(other) is type(row) for row in rows):
            with pytest.raises(InvalidInput) as caught:
                task.read(body(rows[0], other))
            assert (caught.value.index, caught.value.expected) == (1, kind)


class Refusal(InvalidRow):
    """Does not call the constructor of its base."""

    def __init__(self, code: int) -> None:
        Exception.__init__(self, code)


class RefusalWithWords(Refusal):
    """Has its words in the class."""

    message = "the code is unknown"
    expected = "1 or 2"


@pytest.mark.parametrize(
    ("refusal", "words"),
    [(Refusal, ("the row is not valid", None, None)), (RefusalWithWords, ("the code is unknown", "1 or 2", None))],
)
def test_a_refusal_of_a_class_of_ones_own_is_the_mistake_of_the_client(refusal: type[Refusal], words: object) -> None:
    class Refusing(Letters):
        def read(self, row: Any) -> Any:
            raise refusal(len(row))

    with pytest.raises(InvalidInput) as caught:
        adapted(Refusing).read(body(ROW))
    assert (caught.value.message, caught.value.expected, caught.value.given) == words
    assert caught.value.index == 0


NAMES = st.sampled_from(["letters", "instances", "user", "a"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
    max_leaves=6,
)


@given(sent=st.binary(max_size=60) | DOCUMENTS.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_client_sends_is_read_or_refused(sent: bytes) -> None:
    with contextlib.suppress(ClientError):
        assert adapted().read(sent).rows >= 1


def test_a_body_of_far_too_many_values_is_refused_before_they_are_made() -> None:
    sent = b'{"letters": {"a": [' + b",".join([b"0"] * 600_000) + b"]}}"
    with pytest.raises(InvalidInput, match="the body holds too many values"):
        adapted().read(sent)
    with pytest.raises(MalformedBody):
        adapted().read(sent[:-1])


def test_rows_of_numbers_alone_are_refused() -> None:
    with pytest.raises(UnsupportedMediaType):
        adapted().of_rows(np.zeros((1, 4)))


def test_the_document_shows_what_the_task_declares() -> None:
    task = adapted()
    assert task.row_schema()["required"] == ["a", "b", "c", "d"]
    assert task.result_schema()["properties"] == {"label": {"type": "string"}}
    assert task.example_row({}) == ROW
