"""The path of sessions, the one route that takes WebSockets."""

from __future__ import annotations

import re

SESSION = "/v1/models/{name}/session"
_PATH = re.compile(rb"(?:/.*)?/v1/models/[^/]+/session")


def takes_websockets(target: bytes) -> bool:
    """Whether a path, as it was sent, is that of a session, perhaps under the prefix of a proxy."""
    return _PATH.fullmatch(target) is not None
