"""Counts what a JSON text holds without making any of it."""

from __future__ import annotations

import numpy as np

_QUOTE = ord('"')


def holds_more(text: bytes, mark: bytes, most: int) -> bool:
    """Whether JSON has more than `most` of a mark of one byte outside its strings; what is not JSON may get any answer.

    A comma stands between two values and a bracket before every array, so this bounds how many Python objects a
    decoder makes of the text. It costs a few milliseconds for a text of 8 MB.
    """
    if text.count(mark) <= most:
        return False
    if b"\\" in text:  # without what is escaped, every quote that is left begins or ends a string
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    characters = np.frombuffer(text, np.uint8)
    in_string = np.logical_xor.accumulate(characters == _QUOTE)
    return int(np.count_nonzero((characters == ord(mark)) & ~in_string)) > most
