"""Answers the calls of a test over a socket; the other end is `tests.clients.client_process`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


def answer_calls(*functions: Callable[..., Any]) -> None:
    """Call one of the functions for each message, until the test closes the socket whose number is the argument.

    A message is a name, arguments and options; the answer is a value, or the class and the text of an exception.
    """
    by_name = {function.__name__: function for function in functions}
    connection = Connection(int(sys.argv[1]))
    while True:
        try:
            name, arguments, options = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[object, ...] = (by_name[name](*arguments, **options),)
        except Exception as error:
            answer = (type(error).__name__, str(error))
        connection.send(answer)
