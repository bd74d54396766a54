"""The only ways out of the line: what a model, a selector and an observer have to offer."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from plimsoll.inference.payloads import BatchReport, Signature, Tensors

Shapes = tuple[tuple[int, ...], ...]
"""The dimensions of one row of each input, in the order of the signature; empty where the signature fixes them."""


class Model(Protocol):
    """A loaded model that has been proven and warmed."""

    @property
    def signature(self) -> Signature:
        """The tensors it takes and gives."""
        ...

    @property
    def inline_rows(self) -> int:
        """The most rows that one run answers within the inline budget, measured at warm-up; 0 for none."""
        ...

    def new_batch(self, rows: int, shapes: Shapes = ()) -> dict[str, NDArray[Any]]:
        """Uninitialised input tensors of that many rows, to be written in place."""
        ...

    def run(self, inputs: Tensors) -> Tensors:
        """Compute every output for every row of `inputs`, and leave `inputs` as they are; blocks meanwhile.

        Nothing keeps the inputs, which are written again as soon as this returns. The outputs are contiguous, and no
        other run writes into them.
        """
        ...


class Outcome(NamedTuple):
    """How one request ended. `model` and `version` are empty when none could be chosen; `code` is the HTTP status.

    `reason` is the error's code, empty where there was none.
    """

    protocol: str
    model: str
    version: str
    code: int
    duration_seconds: float
    reason: str = ""


class Observer(Protocol):
    """Is told once of every request that ends, whatever the end."""

    def request_started(self) -> None:
        """A request has entered."""
        ...

    def request_finished(self, outcome: Outcome) -> None:
        """The same request has been answered or given up."""
        ...


class LaneObserver(Protocol):
    """Is told what goes on in one version's lane."""

    def context(self) -> object:
        """What ties the current request to its trace, `None` for nothing; handed back unread."""
        ...

    def queue_changed(self, waiting: int) -> None:
        """So many requests are complete and wait for the model."""
        ...

    def batch_finished(self, report: BatchReport) -> None:
        """A batch has run."""
        ...

    def inline_rows_lowered(self, inline_rows: int, rows: int, seconds: float) -> None:
        """Batches of more than `inline_rows` leave the event loop, because some of `rows` rows took `seconds` there."""
        ...


class Unobserved:
    """A `LaneObserver` for a lane that nobody looks at."""

    def context(self) -> object:
        """Nothing."""
        return None

    def queue_changed(self, waiting: int) -> None:
        """Nobody wants to know."""

    def batch_finished(self, report: BatchReport) -> None:
        """Nobody wants to know."""

    def inline_rows_lowered(self, inline_rows: int, rows: int, seconds: float) -> None:
        """Nobody wants to know."""
