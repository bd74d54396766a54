from __future__ import annotations

import contextlib
import io
import logging
import struct
import tracemalloc
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from plimsoll.errors import ClientError, InvalidInput, UnsupportedMediaType
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.picture_decoding import (
    LONGEST_SIDE,
    MOST_SCANS,
    PictureFile,
    on_ground,
    quieten_pillow,
)
from plimsoll.tasks.picture_decoding import (
    encoded as png,
)

from tests.doubles.pictures import SVG, animated, encoded, plain, png_of_size, webp_of_size

KINDS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
MIB = 1 << 20


def pixels(content: bytes, channels: str = "RGB", ground: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    picture, size = PictureFile(content, DEFAULT_LIMITS).upright()
    assert size == picture.size
    return np.asarray(on_ground(picture, channels, ground))


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_is_decoded(kind: str) -> None:
    found = pixels(encoded(plain((200, 30, 90), (20, 12)), kind))
    assert found.shape == (12, 20, 3)
    assert np.abs(found.astype(int) - (200, 30, 90)).max() < 12  # which a lossy format may be off


@pytest.mark.parametrize(
    ("mode", "colour", "kind", "expected"),
    [
        ("1", 1, "PNG", 255), ("L", 90, "PNG", 90), ("P", 0, "PNG", 0), ("CMYK", (0, 0, 0, 155), "JPEG", 100),
        ("LA", (90, 255), "PNG", 90), ("RGBA", (90, 90, 90, 255), "PNG", 90), ("RGBA", (90, 90, 90, 0), "PNG", 40),
        ("LA", (240, 128), "PNG", 140),
    ],
)  # fmt: skip
def test_each_mode_becomes_grey_and_what_is_transparent_shows_the_ground(
    mode: str, colour: Any, kind: str, expected: int
) -> None:
    found = pixels(encoded(plain(colour, mode=mode), kind), "L", ground=40)
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_a_picture_of_16_bits_keeps_its_greys() -> None:
    deep = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    assert (pixels(encoded(Image.fromarray(deep)), "L") == deep >> 8).all()


def test_a_transparent_colour_of_a_palette_shows_the_ground() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 0), 1)
    assert pixels(encoded(picture, transparency=1), ground=7).tolist() == [[[255, 0, 0], [7, 7, 7]]]


CORNERS = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
TURNED = {
    1: CORNERS, 2: CORNERS[:, ::-1], 3: CORNERS[::-1, ::-1], 4: CORNERS[::-1], 5: CORNERS.T, 6: CORNERS[::-1].T,
    7: CORNERS[::-1, ::-1].T, 8: CORNERS.T[::-1], 9: CORNERS,
}  # fmt: skip


@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_turned_as_exif_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (pixels(encoded(Image.fromarray(CORNERS), exif=exif), "L") == TURNED[orientation]).all()


def test_exif_that_nobody_can_read_counts_as_none() -> None:
    content = encoded(Image.fromarray(CORNERS), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40)
    assert (pixels(content, "L") == CORNERS).all()


def test_a_photo_with_a_preview_is_one_picture() -> None:
    content = io.BytesIO()
    plain("red").save(content, "MPO", save_all=True, append_images=[plain("blue")])
    assert pixels(content.getvalue())[0, 0, 0] > 240


@pytest.mark.parametrize(("kind", "smaller"), [("JPEG", (500, 250)), ("PNG", (4000, 2000))])
def test_a_large_jpeg_is_decoded_smaller_and_keeps_its_size(kind: str, smaller: tuple[int, int]) -> None:
    picture, size = PictureFile(encoded(plain(9, (4000, 2000), "L"), kind), DEFAULT_LIMITS).upright((200, 100))
    assert (picture.size, size) == (smaller, (4000, 2000))


ROUGH = encoded(Image.effect_noise((64, 64), 90).convert("RGB"), "JPEG", quality=95)
SCANS = encoded(plain("red"), "JPEG", progressive=True) + b"\xff\xda" * MOST_SCANS


@pytest.mark.parametrize(
    ("content", "message", "given"),
    [
        (png_of_size(50_000, 50_000), "the picture is too large", None),
        (png_of_size(5_000, 5_000), "the picture is too large", "5000 x 5000 pixels"),
        (png_of_size(1, 50_000), "the picture is too large", "1 x 50000 pixels"),
        (png_of_size(1 << 31, 1), "the picture is too large", None),
        (webp_of_size(16_000, 16_000), "the picture is too large", "16000 x 16000 pixels"),
        (png_of_size(100, 100, zlib.compress(b"\0" * 9)), "the picture is damaged, or ends early", None),
        (png_of_size(0, 5), "the picture is damaged, or ends early", None),
        (animated("GIF"), "the picture is animated", None),
        (animated("PNG"), "the picture is animated", None),
        (animated("WEBP"), "the picture is animated", None),
        (ROUGH[: len(ROUGH) // 2], "the picture is damaged, or ends early", None),
        (b"\x89PNG\r\n\x1a\n", "the picture is damaged, or ends early", None),
        (b"GIF89a", "the picture is damaged, or ends early", None),
        (SCANS, "the JPEG has too many scans", None),
    ],
)  # fmt: skip
def test_a_picture_that_is_broken_or_beyond_the_limits_is_refused(
    content: bytes, message: str, given: str | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        pixels(content)
    assert (caught.value.message, caught.value.__cause__) == (message, None)
    if given is not None:
        assert caught.value.given == given


@pytest.mark.parametrize(
    "content", [b"", b"hello", SVG, b"%!PS-Adobe-3.0 EPSF-3.0\n", encoded(plain("red"), "TIFF"), b"\0\0\1\0"]
)
def test_what_is_no_picture_is_415(content: bytes) -> None:
    with pytest.raises(UnsupportedMediaType, match="not a picture that can be read"):
        PictureFile(content, DEFAULT_LIMITS)


def test_a_compressed_bmp_is_not_read() -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 8, 1, 4, 0, 0, 0, 0) + b"\0" * 1024
    content = b"BM" + struct.pack("<IHHI", 14 + len(head) + 4, 0, 0, 14 + len(head)) + head + b"\0\1\0\1"
    with pytest.raises(UnsupportedMediaType, match="the BMP is compressed"):
        PictureFile(content, DEFAULT_LIMITS)


def test_limits_are_those_that_are_given() -> None:
    content = encoded(plain("red", (10, 10)))
    PictureFile(content, TaskLimits(picture_pixels=100, picture_bytes=len(content)))
    with pytest.raises(InvalidInput, match="the picture is too large"):
        PictureFile(content, TaskLimits(picture_pixels=99, picture_bytes=len(content)))
    with pytest.raises(InvalidInput, match="the picture has too many bytes"):
        PictureFile(content, TaskLimits(picture_pixels=100, picture_bytes=len(content) - 1))
    assert PictureFile(encoded(plain(1, (LONGEST_SIDE, 1), "L")), DEFAULT_LIMITS).pixels == LONGEST_SIDE


def test_a_bomb_takes_no_memory() -> None:
    bomb = png_of_size(16_000, 16_000, zlib.compress(b"\0" * (16 * MIB)))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="too large"):
            PictureFile(bomb, DEFAULT_LIMITS)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_pillow_says_nothing_about_pictures(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as said:
        quieten_pillow()
        pixels(encoded(plain("red"), exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"my secret" * 9))
    assert (caplog.records, said) == ([], [])


def test_pixels_become_a_png_again() -> None:
    grey, colour = np.arange(12, dtype=np.uint8).reshape(3, 4, 1), np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    assert (pixels(png(grey), "L") == grey[:, :, 0]).all()
    assert (pixels(png(colour)) == colour).all()


GOOD = {kind: encoded(Image.effect_noise((24, 16), 80).convert("RGB"), kind) for kind in KINDS}


@settings(max_examples=250)
@given(
    kind=st.sampled_from(KINDS),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=4),
)
def test_a_damaged_picture_is_read_or_refused(kind: str, cut: float, flips: list[tuple[float, int]]) -> None:
    content = bytearray(GOOD[kind])
    for place, bits in flips:
        content[int(place * len(content))] ^= bits
    with contextlib.suppress(ClientError):
        pixels(bytes(content[: int(cut * len(content)) + 1]))
