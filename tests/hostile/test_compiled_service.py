"""The server that is attacked is the one that the tests were told to attack."""

from __future__ import annotations

from pathlib import Path

from plimsoll.server import http_connection

from tests.hostile.served import Served


def test_the_server_is_compiled_where_the_modules_of_the_tests_are(served: Served) -> None:
    own = http_connection.__file__
    mapped = {each.path for each in served.process().memory_maps()}
    assert {path for path in mapped if "http_connection." in Path(path).name} == (
        {own} if own.endswith(".so") else set()
    )
