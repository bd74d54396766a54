"""Standard input, output and error of a process that may have been started without them."""

from __future__ import annotations

import os


def hold_standard_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the next file or connection to be opened would get its number, and the log would be written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
