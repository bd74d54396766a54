from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from plimsoll.bundle.picture_options import PictureSteps
from plimsoll.tasks.picture_fitting import Placement
from plimsoll.tasks.picture_rows import PictureRows, factors_of

NORMAL = PictureSteps(2, 1, "L", "fit", "box", 0, "NCHW", "FP32", 0.5, (1.0,), (2.0,))
BYTES = PictureSteps(2, 1, "L", "fit", "box", 0, "NCHW", "UINT8", 1, (0.0,), (1.0,))
PIXELS = [np.array([[[0, 10]]], np.uint8), np.array([[[20, 255]]], np.uint8)]
PLACES = [Placement(2, 1, 0, 0, 1, 1), Placement(4, 2, 0, 0, 0.5, 0.5)]


def rows(steps: PictureSteps) -> PictureRows:
    return PictureRows("x", factors_of(steps), PIXELS, PLACES, "ann")


def written(question: PictureRows, dtype: type) -> Any:
    tensor: NDArray[Any] = np.full((question.rows, 1, 1, 2), 77, dtype)
    question.write({"x": tensor})
    return tensor[:, 0, 0].tolist()


def test_pixels_are_written_as_the_steps_say() -> None:
    assert written(rows(NORMAL), np.float32) == [[-0.5, 2.0], [4.5, 63.25]]
    assert written(rows(BYTES), np.uint8) == [[0, 10], [20, 255]]


def test_a_row_is_a_question_of_its_own() -> None:
    question = rows(NORMAL)
    row = question.row(1)
    assert (row.rows, row.user, row.shapes, row.padding, row.placements) == (1, "ann", (), 0, [PLACES[1]])
    assert written(row, np.float32) == [[4.5, 63.25]]
