"""Ends the runs of a model in a command, as a server ends those of a load that takes too long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.errors import BundleError
from plimsoll.runtime.loaded_model import LoadedModel


@contextmanager
def time_limit(model: LoadedModel, seconds: float) -> Iterator[None]:
    """Interrupt the model if the block takes longer; a model that cannot be interrupted runs on.

    Raises:
        BundleError: with check `start-up`, in the place of the error that an interrupted run ends with.
    """
    expired = threading.Event()

    def end() -> None:
        expired.set()
        model.interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except BundleError as error:
        if not expired.is_set():
            raise
        raise BundleError(
            "start-up",
            f"its checks were not done after {seconds:g} s (PLIMSOLL_START_SECONDS), and the run of the model was "
            "ended",
        ) from error
    finally:
        timer.cancel()
        timer.join()  # a daemon thread that wakes up while the interpreter ends can abort the process
