"""Calls into models and factories, which are foreign code: they may raise anything and change what all share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.errors import BundleError, PlimsollError

_LONGEST_DETAIL = 2000


@contextmanager
def foreign_code(check: str, sentence: str) -> Iterator[None]:
    """Turn whatever the block raises into a `BundleError` of that check, `SystemExit` and its kind included.

    `sentence` is our own and may reach clients. The words of the error become its `detail`, since they may hold paths.
    A Ctrl-C of a person who waits for a command still ends the command.
    """
    try:
        yield
    except BundleError:
        raise
    except PlimsollError as error:
        raise BundleError(check, f"{sentence}: {error.message}") from error
    except BaseException as error:  # a Rust panic and SystemExit are no Exception
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        raise BundleError(check, f"{sentence}: it raised {type(error).__name__}", words_of(error)) from error


def words_of(error: BaseException) -> str:
    """The text of an error on one line, cut where it is long."""
    try:
        words = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001  # an exception's own text is foreign code, too
        words = "the error has no text that can be read"
    return words[:_LONGEST_DETAIL]
