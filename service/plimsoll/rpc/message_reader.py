"""The message of a call: bounded in bytes by gRPC, and in time and number here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from plimsoll.errors import BodyTooSlow, MalformedBody, Overloaded, PlimsollError

_MOMENT_SECONDS = 0.25
"""The time in which nearly every message arrives. gRPC keeps what has arrived of the others in memory."""
_CUT_OFF_SECONDS = 0.1
"""The time in which gRPC cancels a call whose message it has refused because of its length."""


class MessageReader:
    """Reads messages that arrive within `longest_seconds`; at most `most_slow` may take longer than a moment.

    Clients that send slowly hold memory meanwhile, and cannot keep others from being answered.
    """

    def __init__(self, longest_seconds: float, most_slow: int) -> None:
        self._longest_seconds = longest_seconds
        self._most_slow = most_slow
        self._slow = 0

    async def read(self, messages: AsyncIterator[bytes]) -> bytes:
        """The first message of a call, which is the only one of a well-behaved client.

        Raises:
            MalformedBody: there is none.
            BodyTooSlow: it has not arrived in time.
            Overloaded: too many messages arrive slowly.
            asyncio.CancelledError: the client has left, or gRPC has refused the message, because it is too long.
        """
        message = await self._arriving(messages)
        if message is None:
            # gRPC ends the messages of a call that it refuses, or whose client has left, and then cancels the call.
            await asyncio.sleep(_CUT_OFF_SECONDS)
            raise MalformedBody("the call has no message", code="empty_body", expected="one message")
        return message

    async def _arriving(self, messages: AsyncIterator[bytes]) -> bytes | None:
        """The next message, and `None` at their end."""
        waiting = _Waiting()
        try:
            async with asyncio.timeout(self._longest_seconds) as alarm:
                waiting.alarm = alarm
                timer = asyncio.get_running_loop().call_later(_MOMENT_SECONDS, self._count_slow, waiting)
                try:
                    return await anext(messages, None)
                finally:
                    timer.cancel()
                    self._slow -= waiting.slow
                    del alarm, waiting.alarm  # alarm, task, error, traceback and this frame form a reference cycle
        except TimeoutError:
            raise self._late(waiting) from None

    def _count_slow(self, waiting: _Waiting) -> None:
        if self._slow < self._most_slow:
            self._slow += 1
            waiting.slow = True
        else:
            waiting.refused = True
            waiting.alarm.reschedule(0)

    def _late(self, waiting: _Waiting) -> PlimsollError:
        if waiting.refused:
            return Overloaded(
                "too many messages arrive slowly", expected=f"at most {self._most_slow} messages that arrive slowly"
            )
        return BodyTooSlow("the message has not arrived in time", expected=f"all of it in {self._longest_seconds:g} s")


class _Waiting:
    """A message that has not arrived: its time limit, and whether it counts as slow or is one too many."""

    __slots__ = ("alarm", "refused", "slow")

    def __init__(self) -> None:
        self.alarm: asyncio.Timeout
        self.refused = self.slow = False
