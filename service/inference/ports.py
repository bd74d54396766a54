"""The only ways out of the line: what a model, a selector and an observer have to offer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from service.inference.payloads import Signature, Tensors


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

    def new_batch(self, rows: int) -> dict[str, NDArray[Any]]:
        """Uninitialised input tensors of that many rows, to be written in place."""
        ...

    def run(self, inputs: Tensors) -> Tensors:
        """Compute every output for every row of `inputs`; blocks for as long as that takes."""
        ...


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version that is ready to answer."""

    name: str
    version: str
    model: Model = field(repr=False)


class VersionSelector(Protocol):
    """Chooses which version answers a request."""

    def select(self, name: str | None, version: str | None) -> ServedVersion:
        """The version to use; `None` leaves the choice to the server.

        Raises:
            NotFound: nothing of that name or version is known.
            Loading: it is known and not ready.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request ended. `model` and `version` are empty when none could be chosen; `code` is the HTTP status."""

    protocol: str
    model: str
    version: str
    code: int
    duration_seconds: float


class Observer(Protocol):
    """Is told once when a request starts and once when it ends, whatever the end."""

    def request_started(self) -> None:
        """A request has entered."""
        ...

    def request_finished(self, outcome: Outcome) -> None:
        """The same request has been answered or given up."""
        ...
