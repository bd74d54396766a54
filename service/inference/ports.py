"""The only ways out of the line: what a model, a selector and an observer have to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from service.inference.payloads import BatchReport, Signature, Tensors

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
        """Compute every output for every row of `inputs`; blocks for as long as that takes.

        The outputs share no memory with the inputs, which are written again as soon as this returns.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
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
    """Is told once of everything that ends, whatever the end."""

    def request_started(self) -> None:
        """A request has entered."""
        ...

    def request_finished(self, outcome: Outcome) -> None:
        """The same request has been answered or given up."""
        ...

    def batch_finished(self, model: str, version: str, report: BatchReport) -> None:
        """A batch has run."""
        ...
