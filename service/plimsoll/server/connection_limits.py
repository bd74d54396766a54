"""The bounds of one connection and of all of them."""

from __future__ import annotations

from dataclasses import dataclass

_ANSWER_SECONDS = 5.0
"""The time of a busy application to answer 408, before the connection is cut."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds how much and how slowly clients may send. The defaults are those of the settings.

    `connections` bounds those of one server in one process, `connections_per_address` those of one client address (0
    for no bound). `pipelined` bounds the requests of a connection that wait for an earlier one to be answered.
    `message_bytes` bounds a message of a WebSocket, and `all_message_bytes` the messages of all of them that have
    arrived in part.
    """

    head_bytes: int = 65_536
    head_fields: int = 100
    request_line_bytes: int = 8_192
    head_seconds: float = 10.0
    body_progress_seconds: float = 10.0
    write_seconds: float = 30.0
    keep_alive_seconds: float = 65.0
    pipelined: int = 16
    connections: int = 1024
    connections_per_address: int = 0
    message_bytes: int = 8 << 20
    all_message_bytes: int = 256 << 20

    @property
    def silent_body_seconds(self) -> float:
        """The time without progress of a body after which its connection is cut without an answer.

        An application that waits for the body answers 408 before that, after `body_progress_seconds`.
        """
        return 2 * self.body_progress_seconds + _ANSWER_SECONDS
