from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from plimsoll.bundle.manifest import ImagePreprocessing
from plimsoll.errors import ClientError, InvalidInput, UnsupportedMediaType
from plimsoll.fronts.glyph_image import read_glyph

from tests.doubles.pictures import encoded, png_of_size

MNIST = ImagePreprocessing(kind="glyph", width=28, height=28, box=20, ink="light")
Picture = Image.Image


def drawing(size: tuple[int, int], box: tuple[int, int, int, int], *, ink: int = 0, ground: int = 255) -> Picture:
    """A ring and a stroke within `box`, so that it has a shape that is no square."""
    picture = Image.new("L", size, ground)
    brush = ImageDraw.Draw(picture)
    brush.ellipse(box, outline=ink, width=4)
    brush.line((box[0], box[1], box[2], box[3]), fill=ink, width=4)
    return picture


def read(picture: Picture, steps: ImagePreprocessing = MNIST) -> NDArray[np.float32]:
    return read_glyph(encoded(picture), steps)


def assert_is_row(row: NDArray[np.float32], steps: ImagePreprocessing = MNIST) -> None:
    assert row.shape == (steps.width * steps.height,)
    assert row.dtype == np.float32
    assert row.min() >= 0
    assert row.max() <= 1


@st.composite
def blobs(draw: st.DrawFn) -> NDArray[np.uint8]:
    """A picture of any size with ink in a part of it that leaves the edge free."""
    height, width = draw(st.integers(5, 90)), draw(st.integers(5, 90))
    grey = np.full((height, width), 255, np.uint8)
    top, left = draw(st.integers(1, height - 3)), draw(st.integers(1, width - 3))
    bottom, right = draw(st.integers(top + 1, height - 2)), draw(st.integers(left + 1, width - 2))
    seed = draw(st.integers(0, 1000))
    grey[top:bottom, left:right] = np.random.default_rng(seed).integers(0, 200, (bottom - top, right - left))
    return grey


@settings(max_examples=60)
@given(grey=blobs())
def test_any_blob_becomes_784_numbers_from_0_to_1_with_its_ink_light(grey: NDArray[np.uint8]) -> None:
    row = read(Image.fromarray(grey))
    assert_is_row(row)
    field = row.reshape(28, 28)
    assert field.max() > 0.1
    assert (field > 0).any(axis=0).sum() <= 20
    assert (field > 0).any(axis=1).sum() <= 20


@settings(max_examples=40)
@given(x=st.integers(0, 50), y=st.integers(0, 50))
def test_where_in_the_picture_a_glyph_stands_makes_no_difference(x: int, y: int) -> None:
    middle = read(drawing((120, 120), (30, 30, 60, 80)))
    elsewhere = read(drawing((120, 120), (5 + x, 5 + y, 35 + x, 55 + y)))
    assert np.abs(middle - elsewhere).max() < 0.02


@settings(max_examples=20)
@given(scale=st.integers(2, 8))
def test_how_large_a_glyph_is_drawn_makes_little_difference(scale: int) -> None:
    small = read(drawing((80, 80), (20, 20, 50, 60)))
    large = drawing((80, 80), (20, 20, 50, 60)).resize((80 * scale, 80 * scale), Image.Resampling.NEAREST)
    assert np.abs(small - read(large)).mean() < 0.02


def test_dark_on_light_and_light_on_dark_are_the_same_glyph() -> None:
    box = (20, 20, 50, 60)
    assert np.array_equal(read(drawing((80, 80), box)), read(drawing((80, 80), box, ink=255, ground=0)))


@pytest.mark.parametrize(("ink", "ground"), [(0, 200), (20, 240), (255, 60)])
def test_paper_need_not_be_white_nor_a_blackboard_black(ink: int, ground: int) -> None:
    box = (20, 20, 50, 60)
    given_ = read(drawing((80, 80), box, ink=ink, ground=ground))
    assert np.abs(given_ - read(drawing((80, 80), box))).mean() < 0.03


def test_a_model_of_dark_ink_gets_the_row_inverted() -> None:
    picture = drawing((80, 80), (20, 20, 50, 60))
    assert np.allclose(read(picture, MNIST.model_copy(update={"ink": "dark"})), 1 - read(picture))


def test_the_centre_of_mass_lies_in_the_middle() -> None:
    grey = np.full((60, 60), 255, np.uint8)
    grey[10:50, 10:14] = 0  # a stroke, and a foot that pulls the mass to the right
    grey[46:50, 10:30] = 0
    field = read(Image.fromarray(grey)).reshape(28, 28)
    rows, columns = (field.sum(axis=1), field.sum(axis=0))
    assert abs(float((rows * np.arange(28)).sum() / rows.sum()) - 14) <= 0.6
    assert abs(float((columns * np.arange(28)).sum() / columns.sum()) - 14) <= 0.6


@pytest.mark.parametrize("size", [(100, 20), (20, 100)])
def test_a_glyph_keeps_its_own_aspect_ratio(size: tuple[int, int]) -> None:
    field = read(drawing(size, (4, 4, size[0] - 5, size[1] - 5))).reshape(28, 28) > 0
    height, width = int(field.any(axis=1).sum()), int(field.any(axis=0).sum())
    assert max(height, width) == 20
    assert min(height, width) <= 4


@pytest.mark.parametrize("ink", ["light", "dark"])
def test_a_picture_of_the_right_size_is_taken_pixel_by_pixel(ink: Literal["light", "dark"]) -> None:
    grey = np.zeros((28, 28), np.uint8)
    grey[3:9, 2:5] = np.arange(18, dtype=np.uint8).reshape(6, 3) * 14
    row = read(Image.fromarray(grey), MNIST.model_copy(update={"ink": ink}))
    expected = grey.reshape(-1) / 255
    assert np.allclose(row, expected if ink == "light" else 1 - expected, atol=1e-6)


@pytest.mark.parametrize(("width", "height", "box"), [(10, 20, 8), (8, 8, 8), (1, 1, 1), (64, 32, 30)])
def test_a_model_may_want_another_size(width: int, height: int, box: int) -> None:
    steps = ImagePreprocessing(kind="glyph", width=width, height=height, box=box, ink="light")
    assert_is_row(read(drawing((90, 70), (10, 10, 60, 50)), steps), steps)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_the_usual_formats_are_read(kind: str) -> None:
    picture = drawing((80, 80), (20, 20, 50, 60))
    content = encoded(picture, kind, quality=95) if kind == "JPEG" else encoded(picture, kind)
    assert np.abs(read_glyph(content, MNIST) - read(picture)).mean() < 0.02


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_the_usual_modes_are_read(mode: str) -> None:
    plain = drawing((80, 80), (20, 20, 50, 60))
    deep = Image.fromarray(np.asarray(plain).astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else plain.convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    content = encoded(picture, kind, quality=95) if kind == "JPEG" else encoded(picture)
    assert np.abs(read_glyph(content, MNIST) - read(plain)).mean() < 0.02


def test_what_is_transparent_is_paper() -> None:
    plain = drawing((80, 80), (20, 20, 50, 60))
    ink = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    ink.putalpha(Image.eval(plain, lambda grey: 255 - grey))
    assert np.allclose(read(ink), read(plain), atol=0.01)


@pytest.mark.parametrize("size", [(28, 28), (50, 40), (1, 1)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture_holds_no_glyph(size: tuple[int, int], grey: int) -> None:
    with pytest.raises(InvalidInput, match="there is no glyph in the picture"):
        read(Image.new("L", size, grey))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="this is not a picture that can be read") as caught:
        read_glyph(b"not a picture", MNIST)
    assert caught.value.expected == "a PNG, JPEG, WebP, GIF or BMP"


GOOD = {kind: encoded(drawing((40, 40), (8, 8, 25, 30)), kind) for kind in ("PNG", "JPEG", "GIF", "BMP")}


@settings(max_examples=150)
@given(
    kind=st.sampled_from(sorted(GOOD)),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
)
@example(kind="PNG", cut=0.5, flips=[])
@example(kind="JPEG", cut=0.5, flips=[])
def test_a_damaged_picture_is_read_or_refused(kind: str, cut: float, flips: list[tuple[float, int]]) -> None:
    content = bytearray(GOOD[kind])
    for place, bits in flips:
        content[int(place * len(content))] ^= bits
    try:
        row = read_glyph(bytes(content[: int(cut * len(content))]), MNIST)
    except ClientError:
        return
    assert_is_row(row)


def test_a_picture_of_too_many_pixels_is_refused_by_its_head() -> None:
    with pytest.raises(InvalidInput, match="the picture is too large") as caught:
        read_glyph(png_of_size(5000, 5000), MNIST)
    assert caught.value.expected == "at most 16777216 pixels"
