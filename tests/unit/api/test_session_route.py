"""Where WebSockets are taken."""

from __future__ import annotations

import pytest
from plimsoll.api.session_route import takes_websockets


@pytest.mark.parametrize(
    "target", [b"/v1/models/a/session", b"/team/plimsoll/v1/models/a/session", b"/v1/models/a%20b/session"]
)
def test_at_the_path_of_sessions_also_under_a_prefix(target: bytes) -> None:
    assert takes_websockets(target)


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/models/a/b/session",
        b"/v1/models//session",
        b"/v1/models/a/session/",
        b"/v1/models/a/sessions",
        b"v1/models/a/session",
        b"/v1/predict",
        b"*",
    ],
)
def test_nowhere_else(target: bytes) -> None:
    assert not takes_websockets(target)
