from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plimsoll.errors import ClientError, InvalidInput, MalformedBody, UnsupportedMediaType
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.inference.task_limits import TaskLimits
from plimsoll.tasks.image_classification import ImageClassification
from plimsoll.tasks.picture_rows import PictureRows

from tests.doubles.models import flat_signature
from tests.doubles.pictures import SVG, animated, base64_of, colour_task, encoded, plain, png_of_size

TASK = colour_task()
RED, BLUE = encoded(plain("red")), encoded(plain("blue"), "JPEG", quality=95)


def colours(question: PictureRows) -> list[list[float]]:
    tensor = np.empty((question.rows, 3), np.float32)
    question.write({"x": tensor})
    return np.abs(tensor.round(1)).tolist()  # type: ignore[no-any-return]


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_one_picture_or_many_come_as_base64() -> None:
    one = TASK.read(body(image=base64_of(RED), user="ann"))
    assert (colours(one), one.user) == ([[1, 0, 0]], "ann")
    assert colours(TASK.read(body(instances=[base64_of(RED), base64_of(BLUE)]))) == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("raw", [True, False])
def test_tensors_of_bytes_hold_pictures_or_their_base64(raw: bool) -> None:  # a parameter
    elements = np.empty(2, np.object_)
    elements[:] = [RED, BLUE] if raw else [base64_of(RED).encode(), base64_of(BLUE).encode()]
    assert colours(TASK.of_tensors({"image": elements})) == [[1, 0, 0], [0, 0, 1]]


def test_rows_of_numbers_are_not_taken() -> None:
    with pytest.raises(UnsupportedMediaType, match="takes pictures, not rows of numbers"):
        TASK.of_rows(np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("content", "kind", "message", "index"),
    [
        (b"", MalformedBody, "the body is empty", None),
        (b"{", MalformedBody, "the body is not JSON", None),
        (b"[]", InvalidInput, "the body has the wrong shape", None),
        (b"{}", InvalidInput, "give either 'image' or 'instances'", None),
        (body(image=base64_of(RED), instances=[]), InvalidInput, "give either 'image' or 'instances'", None),
        (body(images=[]), InvalidInput, "unknown field 'images'", None),
        (body(image=7), InvalidInput, "'image' has the wrong type", None),
        (body(instances=[base64_of(RED), 7]), InvalidInput, "row 1 of instances has the wrong type", 1),
        (body(instances="x"), InvalidInput, "'instances' has the wrong type", None),
        (body(instances=[]), InvalidInput, "the number of rows is out of range", None),
        (body(instances=[base64_of(RED)] * 101), InvalidInput, "the number of rows is out of range", None),
        (body(instances=["a"] * 1000), InvalidInput, "the body holds too many pictures", None),
        (body(image=""), UnsupportedMediaType, "this is not a picture that can be read", None),
        (body(image="not base64"), InvalidInput, "the picture is not base64", None),
        (body(image="\u00e4\ud800"), InvalidInput, "the picture is not base64", None),
        (body(instances=[base64_of(RED), "a\n"]), InvalidInput, "the picture is not base64", 1),
        (body(image=base64_of(SVG)), UnsupportedMediaType, "this is not a picture that can be read", None),
        (body(instances=[base64_of(RED), base64_of(SVG)]), UnsupportedMediaType, "this is not a picture that", 1),
        (body(instances=[base64_of(RED), base64_of(animated())]), InvalidInput, "the picture is animated", 1),
        (body(instances=[base64_of(RED[:40]), base64_of(RED)]), InvalidInput, "the picture is damaged", 0),
        (body(instances=[base64_of(png_of_size(9, 9)), base64_of(RED)]), InvalidInput, "the picture is damaged", 0),
    ],
)
def test_what_is_wrong_has_a_sentence_of_its_own(
    content: bytes, kind: type[ClientError], message: str, index: int | None
) -> None:
    with pytest.raises(kind) as caught:
        TASK.read(content)
    assert caught.value.message.startswith(message)
    assert caught.value.index == index


def test_a_data_url_is_told_what_to_send() -> None:
    with pytest.raises(InvalidInput) as caught:
        TASK.read(body(image=f"data:image/png;base64,{base64_of(RED)}"))
    assert caught.value.given == "a data URL; send what follows its comma"


def test_the_limits_of_the_server_hold_for_one_picture_and_for_all_together() -> None:
    content = encoded(plain("red", (10, 10)))
    limited = colour_task(limits=TaskLimits(picture_pixels=100, picture_bytes=len(content)))
    assert limited == colour_task(limits=TaskLimits(picture_pixels=100, picture_bytes=len(content)))
    assert limited != TASK
    assert limited.of_pictures([content] * 4, single=False).rows == 4
    with pytest.raises(InvalidInput, match="too many pixels together"):
        limited.of_pictures([content] * 5, single=False)
    small = colour_task(limits=TaskLimits(picture_pixels=100))
    with pytest.raises(InvalidInput, match="the picture is too large") as caught:
        small.of_pictures([content, encoded(plain("red", (11, 10)))], single=False)
    assert caught.value.index == 1
    with pytest.raises(InvalidInput, match="too many bytes"):
        limited.read(body(image=base64_of(content + b"12345")))


def test_no_picture_is_decoded_before_all_heads_are_known_to_be_good() -> None:
    bomb = png_of_size(4000, 4000)
    with pytest.raises(UnsupportedMediaType) as caught:
        TASK.of_pictures([bomb, SVG], single=False)  # the first would be found to be damaged
    assert caught.value.index == 1


def test_a_request_has_fewer_pictures_where_rows_are_long() -> None:
    signature = Signature((TensorSpec("x", "UINT8", (-1, 1024, 1024, 3)),), flat_signature(2).outputs)
    large: dict[str, Any] = {"width": 1024, "height": 1024, "layout": "NHWC", "datatype": "UINT8"}
    task = colour_task(signature, **large)
    with pytest.raises(InvalidInput) as caught:
        task.of_pictures([RED, RED], single=False)
    assert caught.value.expected == "at most 1 pictures"


def test_two_tasks_are_equal_where_every_body_means_the_same() -> None:
    assert colour_task() == TASK
    assert hash(colour_task()) == hash(TASK)
    assert colour_task(filter="nearest") != TASK
    assert TASK != 1


def test_the_example_of_a_row_is_a_picture_that_gives_the_row() -> None:
    row = np.array([0.2, 0.4, 1], np.float32)
    given = TASK.read(orjson.dumps({"image": TASK.example_row({"x": row})}))
    tensor = np.empty((1, 3), np.float32)
    given.write({"x": tensor})
    assert np.allclose(tensor[0], row, atol=1e-6)
    assert TASK.row_schema()["contentEncoding"] == "base64"


def test_a_thousand_pictures_leave_no_memory_behind() -> None:
    picture = encoded(plain("red", (300, 300)))

    def ask(times: int) -> int:
        for _ in range(times):
            TASK.of_pictures([picture, picture], single=False)
            with pytest.raises(InvalidInput):
                TASK.of_pictures([picture[:200]], single=True)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = ask(50)
        assert ask(200) - before < 50_000
    finally:
        tracemalloc.stop()


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=9) | st.just(base64_of(RED)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(["image", "instances", "user", "x"]), VALUES).map(orjson.dumps)
)
def test_every_body_is_read_or_refused(content: bytes) -> None:
    try:
        assert TASK.read(content).rows >= 1
    except ClientError as error:
        assert error.status in (400, 415, 422)  # noqa: PT017  # most are refused


def test_a_task_of_another_kind_is_another_task() -> None:
    assert isinstance(TASK, ImageClassification)
