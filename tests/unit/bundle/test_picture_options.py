from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plimsoll.bundle.picture_options import MOST_ELEMENTS, PictureSteps, picture_of
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Datatype, Signature, TensorSpec

PLAIN: dict[str, Any] = {
    "width": 4, "height": 2, "channels": "RGB", "resize": "fit", "filter": "bilinear", "layout": "NCHW",
    "datatype": "FP32",
}  # fmt: skip
OUTPUT = TensorSpec("y", "FP32", (-1, 2))


def signature(
    *row: int, datatype: Datatype = "FP32", minimum: float | None = None, maximum: float | None = None
) -> Signature:
    return Signature((TensorSpec("x", datatype, (-1, *row), minimum, maximum),), (OUTPUT,))


def steps(*row: int, datatype: Datatype = "FP32", **changes: Any) -> PictureSteps:
    return picture_of(signature(*row, datatype=datatype), {"picture": PLAIN | {"datatype": datatype} | changes})


PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("layout", "row"), [("NCHW", (3, 2, 4)), ("NHWC", (2, 4, 3)), ("flat", (24,))], ids=["NCHW", "NHWC", "flat"]
)
@pytest.mark.parametrize("datatype", ["FP32", "UINT8"])
def test_pixels_go_into_each_layout_and_come_back(layout: str, row: tuple[int, ...], datatype: Datatype) -> None:
    normal = {} if datatype == "UINT8" else {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.5]}
    made = steps(*row, datatype=datatype, layout=layout, **normal)
    arranged = made.arranged(PIXELS)
    assert arranged.shape == made.shape == row
    assert arranged.flags.c_contiguous
    factor, offset = made.factors()
    as_row = arranged if datatype == "UINT8" else arranged * factor + offset
    assert (made.pixels_of(as_row) == PIXELS).all()


def test_a_pixel_is_scaled_shifted_and_divided_by_its_channel() -> None:
    made = steps(3, 2, 4, scale=0.01, mean=[0.5, 0, 0], std=[2, 1, 1])
    factor, offset = made.factors()
    row = np.full((3, 2, 4), 100, np.uint8) * factor + offset
    assert np.allclose(row[:, 0, 0], [(1 - 0.5) / 2, 1, 1])


def test_without_a_scale_white_is_one() -> None:
    factor, offset = steps(3, 2, 4).factors()
    assert np.allclose(255 * factor + offset, 1)


def test_the_rows_of_a_request_are_bounded_by_their_numbers() -> None:
    side = 1024
    assert steps(3, 2, 4).most_rows == MOST_ELEMENTS // 24
    assert steps(1, side, side, channels="L", width=side, height=side).most_rows == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"width": 0}, "the option 'picture' is malformed: width"),
        ({"resize": "squeeze"}, "the option 'picture' is malformed: resize"),
        ({"filter": None}, "the option 'picture' is malformed: filter"),
        ({"colour": "RGB"}, "the option 'picture' is malformed: colour"),
        ({"std": [0.0, 1.0, 1.0]}, "the option 'picture' is malformed: std.0"),
        ({"mean": [float("nan")] * 3}, "the option 'picture' is malformed: mean.0"),
        ({"mean": [0.5]}, "'mean' has 1 numbers, and the channels are RGB"),
        ({"datatype": "UINT8", "std": [1.0] * 3}, "'std' is for FP32; a row in UINT8 has the pixels as they are"),
        ({"width": 2048, "height": 2048}, f"a row has at most {MOST_ELEMENTS} numbers"),
        ({"channels": "L"}, "a picture becomes FP32 [-1, 1, 2, 4], and the input 'x' is FP32 [-1, 3, 2, 4]"),
        ({"layout": "NHWC"}, "a picture becomes FP32 [-1, 2, 4, 3], and the input 'x' is FP32 [-1, 3, 2, 4]"),
        ({"datatype": "UINT8"}, "a picture becomes UINT8 [-1, 3, 2, 4], and the input 'x' is FP32 [-1, 3, 2, 4]"),
        ({"scale": 1.0}, "its pixels go from 0 to 255, beyond the bounds of the input 'x'"),
        ({"mean": [0.1] * 3}, "its pixels go from -0.1 to 0.9, beyond the bounds of the input 'x'"),
    ],
)  # fmt: skip
def test_an_option_that_is_wrong_or_does_not_fit_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BundleError) as caught:
        picture_of(signature(3, 2, 4, minimum=0, maximum=1), {"picture": PLAIN | change})
    assert caught.value.check == "task"
    assert sentence in caught.value.message


def test_a_task_of_pictures_cannot_do_without_it_or_with_two_inputs() -> None:
    with pytest.raises(BundleError, match="needs the option 'picture'"):
        picture_of(signature(3, 2, 4), {})
    two = Signature((TensorSpec("x", "FP32", (-1, 1)), TensorSpec("z", "FP32", (-1, 1))), (OUTPUT,))
    with pytest.raises(BundleError, match="the model has 2 inputs, and a picture fills one"):
        picture_of(two, {"picture": PLAIN})
