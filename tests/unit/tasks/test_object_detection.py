from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from plimsoll.errors import BundleError, ModelFailed
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.object_detection import ObjectDetection

from tests.doubles.pictures import encoded, plain

PICTURE = {
    "width": 100, "height": 100, "channels": "L", "resize": "fit", "filter": "box", "layout": "NCHW",
    "datatype": "UINT8",
}  # fmt: skip
OBJECTS: dict[str, Any] = {"boxes": "boxes", "scores": "scores", "labels": ["cat", "dog"]}
SIGNATURE = Signature(
    (TensorSpec("pixels", "UINT8", (-1, 1, 100, 100)),),
    (TensorSpec("boxes", "FP32", (-1, 3, 4)), TensorSpec("scores", "FP32", (-1, 3, 2))),
)
SCORES = np.array([[[0.9, 0], [0.6, 0], [0.1, 0.8]]], np.float32)
CORNERS = np.array([[[10, 30, 30, 50], [11, 30, 31, 50], [50, 40, 90, 70]]], np.float32)


def task(**changes: Any) -> ObjectDetection:
    return ObjectDetection(SIGNATURE, {"picture": PICTURE, "objects": OBJECTS | changes})


def found(boxes: NDArray[np.float32] = CORNERS, size: tuple[int, int] = (200, 100), **changes: Any) -> list[Any]:
    made = task(**changes)
    question = made.of_pictures([encoded(plain(0, size, "L"))], single=True)
    return made.results(question, {"boxes": boxes, "scores": SCORES})


def test_boxes_come_in_the_pixels_of_the_picture_that_was_sent() -> None:
    # 200 x 100 fits as 100 x 50, with a strip of 25 above it.
    assert found() == [
        {
            "objects": [
                {"class": "cat", "confidence": 0.9, "box": [20, 10, 60, 50]},
                {"class": "dog", "confidence": 0.8, "box": [100, 30, 180, 90]},
            ]
        }
    ]


def test_centres_and_shares_mean_the_same() -> None:
    centres = np.concatenate([(CORNERS[..., :2] + CORNERS[..., 2:]) / 2, CORNERS[..., 2:] - CORNERS[..., :2]], axis=2)
    assert found(centres, form="centre") == found()
    shares: NDArray[np.float32] = (centres / np.float32(100)).astype(np.float32)
    assert found(shares, form="centre", unit="share") == found()


def test_thresholds_are_those_of_the_manifest() -> None:
    assert len(found(least_confidence=0.05, most_overlap=1.0)[0]["objects"]) == 4
    assert len(found(least_confidence=0.85)[0]["objects"]) == 1
    assert found(least_confidence=0.95) == [{"objects": []}]
    assert len(found(most_objects=1)[0]["objects"]) == 1


def test_a_box_ends_with_the_picture_and_one_beside_it_is_none() -> None:
    boxes = np.array([[[-50, 0, 30, 50], [0, 0, 100, 20], [50, 40, 190, 170]]], np.float32)
    objects = found(boxes)[0]["objects"]
    assert [each["box"] for each in objects] == [[0, 0, 60, 50], [100, 30, 200, 100]]


def test_each_picture_has_its_own_place() -> None:
    made = task()
    question = made.of_pictures([encoded(plain(0, (100, 100), "L")), encoded(plain(0, (50, 50), "L"))], single=False)
    outputs = {"boxes": np.repeat(CORNERS, 2, axis=0), "scores": np.repeat(SCORES, 2, axis=0)}
    first, second = made.results(question, outputs)
    assert (first["objects"][0]["box"], second["objects"][0]["box"]) == ([10, 30, 30, 50], [5, 15, 15, 25])
    alone = made.results(question.row(1), {name: tensor[1:] for name, tensor in outputs.items()})
    assert alone == [second]


def test_tensors_hold_the_json_of_each_picture() -> None:
    made = task()
    question = made.of_pictures([encoded(plain(0, (200, 100), "L"))], single=True)
    (element,) = made.tensors(question, {"boxes": CORNERS, "scores": SCORES})["objects"]
    assert [{"objects": orjson.loads(element)}] == found()
    assert [spec.datatype for spec in (*made.wire.inputs, *made.wire.outputs)] == ["BYTES", "BYTES"]


def test_a_number_that_is_not_finite_is_the_fault_of_the_model() -> None:
    with pytest.raises(ModelFailed):
        found(np.full_like(CORNERS, np.nan))


def test_the_schema_names_the_classes() -> None:
    one = task().result_schema()["properties"]["objects"]["items"]
    assert one["properties"]["class"]["enum"] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"boxes": "nowhere"}, "names the output 'nowhere', which the model has not"),
        ({"boxes": "scores"}, "takes boxes [-1, N, 4] and scores [-1, N, K] in FP32"),
        ({"labels": ["cat"]}, "has 1 labels, and the model 2 scores"),
        ({"labels": ["cat", "cat"]}, "the label 'cat' stands for 2 classes"),
        ({"labels": []}, "the option 'objects' is malformed: labels"),
        ({"least_confidence": 2.0}, "the option 'objects' is malformed: least_confidence"),
        ({"most_objects": 0}, "the option 'objects' is malformed: most_objects"),
        ({"form": "round"}, "the option 'objects' is malformed: form"),
        ({"colour": 1}, "the option 'objects' is malformed: colour"),
    ],
)
def test_a_wrong_option_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BundleError) as caught:
        task(**change)
    assert caught.value.check == "task"
    assert sentence in caught.value.message


def test_the_outputs_must_be_named() -> None:
    with pytest.raises(BundleError, match="the option 'objects' is malformed"):
        ObjectDetection(SIGNATURE, {"picture": PICTURE})
