from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from plimsoll.errors import ClientError, InvalidInput, MalformedBody, ModelFailed, UnsupportedMediaType
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype, Signature, TensorSpec
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.questions import QUESTION

IMAGE = TensorSpec("image", "UINT8", (-1, 2, 2))
FLAG = TensorSpec("flag", "BOOL", (-1,))
SCORE = TensorSpec("score", "FP32", (-1, 3), minimum=0, maximum=1)
MASK = TensorSpec("mask", "FP32", (-1, 2))
SEVERAL = Signature((IMAGE, FLAG, SCORE), (MASK, TensorSpec("count", "INT64", (-1,))))
ROW: dict[str, Any] = {"image": [[0, 255], [1, 2]], "flag": True, "score": [0, 0.5, 1]}
OPEN = Signature((TensorSpec("ids", "INT64", (-1, -1)),), (MASK,))


def written(body: bytes, signature: Signature = SEVERAL) -> dict[str, NDArray[Any]]:
    question = TensorTask(signature).read(body)
    shapes = question.shapes or tuple(spec.shape[1:] for spec in signature.inputs)
    inputs = {
        spec.name: np.empty((question.rows, *shape), spec.dtype)
        for spec, shape in zip(signature.inputs, shapes, strict=True)
    }
    question.write(inputs)
    return inputs


def refusal(document: object, signature: Signature = SEVERAL) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        written(orjson.dumps(document), signature)
    return caught.value


def test_one_row_is_given_as_inputs_and_several_as_instances() -> None:
    one = written(orjson.dumps({"inputs": ROW}))
    assert {name: tensor.tolist() for name, tensor in one.items()} == {name: [value] for name, value in ROW.items()}
    assert [one[name].dtype for name in one] == [np.uint8, np.bool_, np.float32]
    two = written(orjson.dumps({"instances": [ROW, {**ROW, "flag": False}]}))
    assert two["flag"].tolist() == [True, False]


@given(data=st.data(), datatype=st.sampled_from(sorted(NUMPY_DTYPES)), shape=st.lists(st.integers(1, 3), max_size=3))
def test_every_datatype_and_shape_arrives_as_it_was_sent(
    data: st.DataObject, datatype: Datatype, shape: list[int]
) -> None:
    spec = TensorSpec("x", datatype, (-1, *shape))
    finite = {"allow_nan": False, "allow_infinity": False} if spec.dtype.kind == "f" else None
    sent = data.draw(arrays.arrays(spec.dtype, (2, *shape), elements=finite))
    document = {"instances": [{"x": row.tolist()} for row in sent]}
    assert np.array_equal(written(json.dumps(document).encode(), Signature((spec,), (MASK,)))["x"], sent)


@pytest.mark.parametrize(
    ("document", "message", "index"),
    [
        ({}, "give either 'inputs' or 'instances'", None),
        ({"inputs": ROW, "instances": [ROW]}, "give either 'inputs' or 'instances'", None),
        ({"features": [1]}, "unknown field 'features'", None),
        ({"inputs": [1]}, "'inputs' has the wrong type", None),
        ({"instances": [ROW, 7]}, "row 1 of instances has the wrong type", 1),
        ({"instances": []}, "the number of rows is out of range", None),
        ({"instances": [ROW] * 101}, "the number of rows is out of range", None),
        ({"inputs": {**ROW, "more": 1}}, "unknown input 'more'", None),
        ({"instances": [ROW, {"image": ROW["image"], "flag": True}]}, "the input 'score' is missing", 1),
        ({"inputs": {**ROW, "image": [[0, 1], [2]]}}, "the input 'image' has the wrong shape", None),
        ({"inputs": {**ROW, "image": [0, 1, 2, 3]}}, "the input 'image' has the wrong shape", None),
        ({"inputs": {**ROW, "image": [[0, 1], [2, 3.5]]}}, "the input 'image' holds something else than its", None),
        ({"inputs": {**ROW, "image": [[0, 1], [2, 256]]}}, "the input 'image' holds a number beyond its range", None),
        ({"instances": [ROW, {**ROW, "image": [[0, -1], [2, 0]]}]}, "the input 'image' holds a number beyond its", 1),
        ({"inputs": {**ROW, "image": [[0, 1], [2, True]]}}, "the input 'image' holds something else than its", None),
        ({"inputs": {**ROW, "flag": 1}}, "the input 'flag' holds something else than its datatype", None),
        ({"inputs": {**ROW, "flag": [True]}}, "the input 'flag' holds something else than its datatype", None),
        ({"instances": [ROW, {**ROW, "score": [0, 2, 0]}]}, "the number at position [1] of 'score' is out of", 1),
        ({"inputs": {**ROW, "score": [0, 1e39, 0]}}, "the number at position [1] of 'score' is out of bounds", None),
        ({"inputs": {**ROW, "score": ["a", 1, 0]}}, "the input 'score' holds something else than its datatype", None),
    ],
)
def test_what_is_wrong_is_named_with_its_input_and_row(document: object, message: str, index: int | None) -> None:
    error = refusal(document)
    assert error.message.startswith(message)
    assert error.index == index
    assert error.expected


@pytest.mark.parametrize(
    ("body", "message", "index"),
    [
        (
            b'{"instances": [{"image": [[0, 1], [2, 3]]}, {"image": [[0, 1], [1e400, 3]]}]}',
            "the input 'image' holds a number beyond every range at position [1, 0]", 1,
        ),
        (b'{"inputs": {"count": -1e999}}', "the input 'count' holds a number beyond every range", None),
    ],
)  # fmt: skip
def test_a_number_beyond_every_float_is_told_with_its_place(body: bytes, message: str, index: int | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        written(body)
    assert (caught.value.message, caught.value.index) == (message, index)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"inputs": NaN}', b"\xff", b'{"inputs":' + b"[" * 100_000])
def test_what_is_no_json_or_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ClientError):
        written(body)


def test_rows_of_open_lengths_share_a_shape_within_a_request() -> None:
    question = TensorTask(OPEN).read(b'{"instances": [{"ids": [1, 2, 3]}, {"ids": [4, 5, 6]}]}')
    assert (question.rows, question.shapes) == (2, ((3,),))
    assert refusal({"instances": [{"ids": [1, 2]}, {"ids": [1]}]}, OPEN).index == 1
    assert refusal({"inputs": {"ids": []}}, OPEN).message == "the input 'ids' has an empty list"


def test_a_body_of_far_too_many_numbers_is_refused_before_anything_is_made_of_them() -> None:
    for signature in (SEVERAL, OPEN):
        for items in (b"0," * 2_500_000 + b"0", b"[]," * 900_000 + b"[]", b"{}," * 900_000 + b"{}"):
            body = b'{"inputs": {"ids": [' + items + b"]}}"
            with pytest.raises(InvalidInput, match="too many rows or numbers"):
                written(body, signature)
            with pytest.raises(MalformedBody):
                written(body[:-2], signature)


def test_each_row_is_answered_with_its_outputs() -> None:
    task = TensorTask(SEVERAL)
    results = task.results(QUESTION, {"mask": np.array([[0.5, 1], [2, 3]], np.float32), "count": np.array([7, 8])})
    assert orjson.loads(orjson.dumps(results, option=orjson.OPT_SERIALIZE_NUMPY)) == [
        {"outputs": {"mask": [0.5, 1], "count": 7}}, {"outputs": {"mask": [2, 3], "count": 8}},
    ]  # fmt: skip
    with pytest.raises(ModelFailed) as caught:
        task.results(QUESTION, {"mask": np.array([[0, 0], [0, math.nan]], np.float32), "count": np.array([7, 8])})
    assert caught.value.index == 1


def test_the_schemas_say_lengths_kinds_and_bounds() -> None:
    task = TensorTask(SEVERAL)
    row = task.row_schema()["properties"]
    assert (row["image"]["minItems"], row["image"]["items"]["items"]["type"]) == (2, "integer")
    assert (row["flag"]["type"], row["score"]["items"]) == ("boolean", {"type": "number", "minimum": 0, "maximum": 1})
    assert "maxItems" not in TensorTask(OPEN).row_schema()["properties"]["ids"]
    assert set(task.result_schema()["properties"]["outputs"]["properties"]) == {"mask", "count"}


def test_it_takes_no_rows_without_names() -> None:
    with pytest.raises(UnsupportedMediaType):
        TensorTask(SEVERAL).of_rows(np.zeros((1, 2)))
