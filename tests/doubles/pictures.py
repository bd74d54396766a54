"""Pictures, whole and broken, and tasks that take them."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

from PIL import Image
from plimsoll.inference.payloads import Signature
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.image_classification import ImageClassification

from tests.doubles.models import flat_signature

ONE_PIXEL: dict[str, Any] = {
    "width": 1, "height": 1, "channels": "RGB", "resize": "stretch", "filter": "box", "layout": "flat",
    "datatype": "FP32",
}  # fmt: skip
"""A row is the mean colour; a model that echoes it names the strongest channel: a is red, b is green, c is blue."""
COLOURS = flat_signature(3)


def colour_task(
    signature: Signature = COLOURS, limits: TaskLimits = DEFAULT_LIMITS, **changes: Any
) -> ImageClassification:
    """Names the strongest channel of a picture, by a model that echoes."""
    return ImageClassification(signature, {"picture": ONE_PIXEL | changes}, limits=limits)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The file of a picture."""
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def plain(colour: str | int | tuple[int, ...], size: tuple[int, int] = (4, 4), mode: str = "RGB") -> Image.Image:
    """A picture of one colour."""
    return Image.new(mode, size, colour)


def animated(kind: str = "GIF") -> bytes:
    """A red and a blue frame."""
    return encoded(plain("red"), kind, save_all=True, append_images=[plain("blue")])


def base64_of(content: bytes) -> str:
    """As JSON carries it."""
    return base64.b64encode(content).decode()


def png_of_size(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG that claims a size and holds these compressed pixels: opening it is cheap, decoding it would not be."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def webp_of_size(width: int, height: int) -> bytes:
    """The head of a WebP that claims a size."""
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + sizes
    return b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert("boo")</script></svg>'
