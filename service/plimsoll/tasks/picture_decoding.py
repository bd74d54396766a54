"""Decodes pictures of clients with Pillow, and checks the claims of their heads before that.

Imported only where a task or a command reads pictures.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from PIL import WebPImagePlugin as _registered  # noqa: F401, N813  # or Pillow would load every plugin to find it

from plimsoll.errors import InvalidInput, UnsupportedMediaType
from plimsoll.inference.task_limits import TaskLimits
from plimsoll.tasks.picture_formats import FORMATS, format_of, kind_of_other, scans_of, webp_size

LONGEST_SIDE = 16_384
"""In pixels; a longer side is a line and no picture."""
MOST_SCANS = 40
"""Of a JPEG. A progressive one has about ten, and every scan costs a pass over all pixels."""
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the orientation of EXIF."""
_SIDEWAYS = 5
"""From this orientation on width and height are exchanged."""
_ANIMATED = ("GIF", "PNG", "WEBP")
"""A JPEG with more than one picture is a photo with a preview, as telephones write it."""
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_T = TypeVar("_T")


class PictureFile:
    """A picture whose head is known to be within the limits; nothing is decoded yet.

    Raises:
        UnsupportedMediaType: the content is no picture of a format that is read.
        InvalidInput: it is damaged, animated or beyond the limits.
    """

    def __init__(self, content: bytes, limits: TaskLimits) -> None:
        if len(content) > limits.picture_bytes:
            raise InvalidInput(
                "the picture has too many bytes",
                expected=f"at most {limits.picture_bytes} bytes", given=f"{len(content)} bytes",
            )  # fmt: skip
        found = format_of(content)
        if found is None:
            raise UnsupportedMediaType(
                "this is not a picture that can be read", expected=FORMATS, given=kind_of_other(content)
            )
        if found == "WEBP" and (size := webp_size(content)) is not None:  # opening one reserves all of its pixels
            _check_size(size, limits)
        try:
            self._picture = _by_pillow(lambda: Image.open(io.BytesIO(content), formats=(found,)))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_large(f"at most {limits.picture_pixels} pixels") from None
        _check_size(self._picture.size, limits)
        if found in _ANIMATED and _by_pillow(lambda: getattr(self._picture, "is_animated", False)):
            raise InvalidInput("the picture is animated", expected="a still picture; send one of its frames")
        if found == "JPEG" and (scans := scans_of(content)) > MOST_SCANS:
            raise InvalidInput(
                "the JPEG has too many scans", expected=f"at most {MOST_SCANS} scans", given=f"{scans} scans"
            )
        if found == "BMP" and self._picture.tile and self._picture.tile[0][0] == "bmp_rle":
            raise UnsupportedMediaType("the BMP is compressed", expected="a BMP without compression, or a PNG")

    @property
    def pixels(self) -> int:
        """The number of its pixels."""
        return self._picture.width * self._picture.height

    def upright(self, least: tuple[int, int] | None = None) -> tuple[Image.Image, tuple[int, int]]:
        """The decoded picture in one of the modes L, RGB and RGBA, turned as EXIF says, and its size.

        A JPEG may be decoded smaller than its size, but not smaller than `least`.

        Raises:
            InvalidInput: it is damaged.
        """
        return _by_pillow(lambda: self._upright(least))

    def _upright(self, least: tuple[int, int] | None) -> tuple[Image.Image, tuple[int, int]]:
        picture = self._picture
        width, height = picture.size
        with picture:
            if least is not None:
                picture.draft(None, (max(least), max(least)))  # either way up
            picture.load()
            orientation = _orientation(picture)
            plain = _plain(picture)
        if orientation in _UPRIGHT:
            plain = plain.transpose(_UPRIGHT[orientation])
        return plain, ((height, width) if orientation >= _SIDEWAYS else (width, height))


def quieten_pillow() -> None:
    """Keep what Pillow says about pictures, which may hold values of their metadata, out of the log."""
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"PIL\.")


def on_ground(picture: Image.Image, channels: str, ground: int) -> Image.Image:
    """The picture in the mode `channels`, L or RGB, with `ground` where it is transparent."""
    if picture.mode == "RGBA":
        below = Image.new("RGBA", picture.size, (ground, ground, ground))
        below.alpha_composite(picture)
        picture = below
    return picture if picture.mode == channels else picture.convert(channels)


def encoded(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """A PNG of pixels, [height, width, channels] with one channel or three."""
    content = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(content, "PNG")
    return content.getvalue()


def _check_size(size: tuple[int, int], limits: TaskLimits) -> None:
    width, height = size
    if width * height > limits.picture_pixels:
        raise _too_large(f"at most {limits.picture_pixels} pixels", f"{width} x {height} pixels")
    if max(size) > LONGEST_SIDE:
        raise _too_large(f"sides of at most {LONGEST_SIDE} pixels", f"{width} x {height} pixels")


def _too_large(expected: str, given: str | None = None) -> InvalidInput:
    return InvalidInput("the picture is too large", expected=expected, given=given)


def _by_pillow(step: Callable[[], _T]) -> _T:
    """The result of a step; of whatever Pillow raises, a client gets none of its words."""
    try:
        return step()
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise
    except Exception:  # noqa: BLE001  # of a damaged file Pillow raises anything, as struct.error and KeyError
        raise InvalidInput("the picture is damaged, or ends early", expected=f"{FORMATS} that is whole") from None


def _orientation(picture: Image.Image) -> int:
    """The orientation of EXIF; 1, which is upright, if there is none or nobody can read it."""
    try:
        orientation = int(picture.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  # as above; the pixels are whole
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _plain(picture: Image.Image) -> Image.Image:
    """The same picture in one of the modes L, RGB and RGBA."""
    if picture.mode.startswith("I;16"):  # Pillow would cut every grey above 255
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in _WITH_ALPHA or "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode in ("1", "L"):
        return picture.convert("L")
    return picture.convert("RGB")
