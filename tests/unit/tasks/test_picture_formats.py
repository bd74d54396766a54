from __future__ import annotations

import pytest
from plimsoll.tasks.picture_formats import format_of, kind_of_other, scans_of, webp_size

from tests.doubles.pictures import SVG, encoded, plain, webp_of_size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_format_is_known_by_its_first_bytes(kind: str) -> None:
    assert format_of(encoded(plain("red"), kind)) == kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "nothing"),
        (SVG, "an SVG, which is a document and may hold scripts"),
        (b"\xef\xbb\xbf  <html><body>", "HTML or XML"),
        (b"%PDF-1.7", "a PDF"),
        (encoded(plain("red"), "TIFF"), "a TIFF"),
        (b"\0\0\0\x1cftypavif", "an AVIF"),
        (b"\0\0\0\x1cftypheic", "a HEIC"),
        (b"\0\0\0\x1cftypisom", "a video, AVIF or HEIC"),
        (b"my secret", "9 bytes of something else"),
    ],
)
def test_what_is_no_picture_is_named_without_repeating_it(content: bytes, kind: str) -> None:
    assert format_of(content) is None
    assert kind_of_other(content) == kind


@pytest.mark.parametrize("lossless", [False, True])
def test_the_size_of_a_webp_is_read_from_its_head(lossless: bool) -> None:  # a parameter
    assert webp_size(encoded(plain("red", (70, 30)), "WEBP", lossless=lossless)) == (70, 30)
    assert webp_size(encoded(plain((1, 2, 3, 4), (70, 30), "RGBA"), "WEBP")) == (70, 30)
    assert webp_size(webp_of_size(1 << 24, 9)) == (1 << 24, 9)
    assert webp_size(b"RIFF....WEBPnone") is None


def test_the_scans_of_a_jpeg_are_counted() -> None:
    picture = plain("red", (64, 64))
    assert scans_of(encoded(picture, "JPEG")) == 1
    assert scans_of(encoded(picture, "JPEG", progressive=True)) > 5
