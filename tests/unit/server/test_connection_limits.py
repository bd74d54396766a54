"""The defaults of a connection's limits are those of the settings."""

from __future__ import annotations

from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.uvicorn_server import connection_limits
from plimsoll.settings import load_settings


def test_every_default_is_that_of_the_settings() -> None:
    assert connection_limits(load_settings()) == ConnectionLimits()
