"""The limits of a connection."""

from __future__ import annotations

from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.uvicorn_server import connection_limits
from plimsoll.settings import load_settings


def test_every_default_is_that_of_the_settings() -> None:
    assert connection_limits(load_settings()) == ConnectionLimits()


def test_an_application_has_answered_a_slow_body_well_before_its_connection_is_cut() -> None:
    assert ConnectionLimits().silent_body_seconds == 25
    assert ConnectionLimits(body_progress_seconds=0.1).silent_body_seconds - 0.1 > 5
