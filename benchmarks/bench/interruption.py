"""A request to end is taken as Ctrl-C, so that every server that was started is stopped."""

from __future__ import annotations

import signal
from types import FrameType


def end_on_signals() -> None:
    """Raise a KeyboardInterrupt with the name of the signal on SIGTERM and SIGHUP, unless that is ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    del frame
    raise KeyboardInterrupt(signal.Signals(number).name)
