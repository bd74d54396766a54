"""Standard input, output and error of a process that may have been started without them."""

from __future__ import annotations

import io
import os
import sys


def hold_standard_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the next file or connection to be opened would get its number, and the log would be written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one


def show_every_character() -> None:
    """Have standard output and error escape the characters that their encoding cannot hold.

    Otherwise the name of a file that is not UTF-8, or an umlaut on a terminal of ASCII, would end a command in a trace.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
