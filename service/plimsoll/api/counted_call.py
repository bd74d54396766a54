"""Reports one call to the observer, of handlers that answer with more than one reply."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from types import TracebackType

from plimsoll.errors import ClientGone, PlimsollError
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Scores
from plimsoll.inference.ports import Observer, Outcome


class CountedCall:
    """Reports that a call has started and, at the end of the `with` block, how it ended: exactly once.

    It counts as an internal error unless `succeeded` or `failed` says otherwise; a cancelled one counts as one whose
    client has left.
    """

    def __init__(self, observer: Observer, call: Call, protocol: str, *, streamed: bool = False) -> None:
        self._observer = observer
        self._call = call
        self._protocol = protocol
        self._streamed = streamed
        self._end: type[PlimsollError] | PlimsollError | None = PlimsollError
        self._scores: Scores | None = None

    def succeeded(self, scores: Scores | None = None) -> None:
        """The call has been answered; `scores` are those of a whole answer whose labels are counted."""
        self._end, self._scores = None, scores

    def failed(self, error: PlimsollError) -> None:
        """The call has ended with an error."""
        self._end = error

    def __enter__(self) -> CountedCall:
        self._observer.request_started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = ClientGone if isinstance(error, asyncio.CancelledError) else self._end
        status, code = (HTTPStatus.OK.value, "") if end is None else (end.status, end.code)
        call = self._call
        self._observer.request_finished(
            Outcome(
                self._protocol, call.model, call.version, status, call.seconds(), code, self._streamed, self._scores
            )
        )
