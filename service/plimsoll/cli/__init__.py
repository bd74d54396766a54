"""The `plimsoll` command: its first steps, which import little so that no signal comes before them."""

from __future__ import annotations

import gc
import sys

from plimsoll.cli.standard_streams import hold_standard_streams, show_every_character
from plimsoll.server.stop_signals import end_on_termination

_OBJECTS_PER_COLLECTION = 50_000
"""With Python's 700, collections take a tenth of the time of imports, which make objects that all live on."""


def main() -> None:
    """Run the command; an error of ours is one sentence on standard error and exit code 2."""
    gc.set_threshold(_OBJECTS_PER_COLLECTION, *gc.get_threshold()[1:])
    end_on_termination()
    hold_standard_streams()
    show_every_character()
    from plimsoll.settings import limit_numpy

    limit_numpy()
    from plimsoll.cli import commands
    from plimsoll.cli.complaint import complain
    from plimsoll.errors import PlimsollError

    try:
        commands.app()
    except PlimsollError as error:
        complain(str(error))
        sys.exit(2)
