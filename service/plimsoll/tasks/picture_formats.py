"""Finds the format of a picture by its first bytes."""

from __future__ import annotations

FORMATS = "a PNG, JPEG, WebP, GIF or BMP"
"""No TIFF, because a tile of one may be far larger than its picture, and libtiff reserves the whole tile."""
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
}
_OTHERS = {
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"\x00\x00\x01\x00": "an icon",
    b"8BPS": "a Photoshop file",
    b"\xff\x0a": "a JPEG XL",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip",
}
_BRANDS = {b"avif": "an AVIF", b"avis": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIC"}
_LOOKED_AT = 1024
_START_OF_SCAN = b"\xff\xda"


def format_of(content: bytes) -> str | None:
    """Pillow's name of the format; `None` if it is not one that is read."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((name for beginning, name in _BEGINNINGS.items() if content.startswith(beginning)), None)


def kind_of_other(content: bytes) -> str:
    """Describe content that is no picture; nothing of it is repeated."""
    if not content:
        return "nothing"
    for beginning, kind in _OTHERS.items():
        if content.startswith(beginning):
            return kind
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "a video, AVIF or HEIC")
    start = content[:_LOOKED_AT].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"<"):
        return "an SVG, which is a document and may hold scripts" if b"<svg" in start else "HTML or XML"
    return f"{len(content)} bytes of something else"


def scans_of(content: bytes) -> int:
    """The scans of a JPEG, and of the pictures in it; a compressed byte FF never looks like the mark of one."""
    return content.count(_START_OF_SCAN)


def webp_size(content: bytes) -> tuple[int, int] | None:
    """The width and height that a WebP claims (RFC 9649); `None` if its first part is none that says them."""
    part = content[12:16]
    if part == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if part == b"VP8 ":
        width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        return width, height
    if part == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
