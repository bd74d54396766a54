from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from plimsoll.bundle.picture_options import PictureSteps
from plimsoll.inference.task_limits import DEFAULT_LIMITS
from plimsoll.tasks.picture_decoding import PictureFile
from plimsoll.tasks.picture_fitting import Placement, fitted

from tests.doubles.pictures import encoded, plain

Rule = Literal["fit", "crop", "stretch"]


def steps(rule: Rule, width: int = 8, height: int = 8, ground: int = 9) -> PictureSteps:
    return PictureSteps(width, height, "L", rule, "box", ground, "NHWC", "UINT8", 1, (0,), (1,))


def fit(picture: Image.Image, rule: Rule, **size: int) -> tuple[NDArray[np.uint8], Placement]:
    row, placement = fitted(PictureFile(encoded(picture), DEFAULT_LIMITS), steps(rule, **size))
    return row[:, :, 0], placement


WIDE = np.zeros((20, 40), np.uint8)
WIDE[:, 20:] = 200


def test_all_of_a_picture_fits_in_the_middle_of_the_ground() -> None:
    row, placement = fit(Image.fromarray(WIDE), "fit")
    assert row[:, 0].tolist() == [9, 9, 0, 0, 0, 0, 9, 9]
    assert row[3].tolist() == [0, 0, 0, 0, 200, 200, 200, 200]
    assert placement == Placement(40, 20, 0, 2, 0.2, 0.2)


@pytest.mark.parametrize(("picture", "row"), [((11, 23), (15, 17)), ((407, 169), (21, 29)), ((29, 599), (31, 7))])
def test_sizes_whose_edges_are_rounded_out_of_the_picture_are_cropped(
    picture: tuple[int, int], row: tuple[int, int]
) -> None:
    pixels, _ = fit(Image.new("L", picture, 7), "crop", width=row[0], height=row[1])
    assert (pixels == 7).all()


def test_the_middle_of_a_picture_is_cropped() -> None:
    row, placement = fit(Image.fromarray(WIDE), "crop")
    assert row[3].tolist() == [0, 0, 0, 0, 200, 200, 200, 200]
    assert (row == row[0]).all()
    assert placement == Placement(40, 20, -4, 0, 0.4, 0.4)


def test_a_picture_is_stretched() -> None:
    row, placement = fit(Image.fromarray(WIDE.T.copy()), "stretch", width=2)
    assert row[:, 1].tolist() == [0, 0, 0, 0, 200, 200, 200, 200]
    assert placement == Placement(20, 40, 0, 0, 0.1, 0.2)


@pytest.mark.parametrize("rule", ["fit", "crop", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 16_000), (3000, 2), (31, 57), (57, 31)])
def test_every_size_fills_a_row_by_every_rule(rule: Rule, size: tuple[int, int]) -> None:
    row, _ = fit(plain(90, size, "L"), rule, width=7, height=5)
    assert row.shape == (5, 7)
    assert 90 in row


@pytest.mark.parametrize("rule", ["fit", "crop", "stretch"])
@pytest.mark.parametrize("size", [(90, 60), (60, 90), (240, 180)])
def test_a_box_in_the_row_comes_back_to_its_place_in_the_picture(rule: Rule, size: tuple[int, int]) -> None:
    picture = np.zeros((size[1], size[0]), np.uint8)
    left, top, right, bottom = box = size[0] // 3, size[1] // 3, size[0] // 3 + 20, size[1] // 3 + 12
    picture[top:bottom, left:right] = 255
    row, placement = fit(Image.fromarray(picture), rule, width=64, height=48, ground=0)
    down, across = np.nonzero(row > 127)
    found = np.array([[across.min(), down.min(), across.max() + 1, down.max() + 1]])
    assert np.abs(placement.in_picture(found)[0] - box).max() <= max(1 / placement.wide, 1 / placement.high)


def test_a_box_ends_with_the_picture() -> None:
    placement = Placement(40, 20, 0, 2, 0.2, 0.2)
    everything: Any = np.array([[-5.0, 0, 100, 100]])
    assert placement.in_picture(everything).tolist() == [[0, 0, 40, 20]]


def test_a_turned_photo_has_its_size_as_people_see_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(np.repeat(np.repeat(WIDE, 40, 0), 40, 1)), "JPEG", exif=exif, quality=95)
    row, placement = fitted(PictureFile(content, DEFAULT_LIMITS), steps("fit"))
    assert (placement.width, placement.height) == (800, 1600)
    assert np.abs(row[:, 4, 0].astype(int) - [0, 0, 0, 0, 200, 200, 200, 200]).max() < 9
