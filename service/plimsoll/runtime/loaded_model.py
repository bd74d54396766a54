"""The port of a model that its loader proves, warms and places."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from plimsoll.inference.padding import Padding
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Model, Shapes


class LoadedModel(Model, Protocol):
    """A model of any runtime."""

    warmed_inline_rows: Mapping[Shapes, int]
    """The bound of `inline_rows` by shapes; set by warm-up, empty before."""
    padding: Padding | None
    """The padding of its rows; set by the loader, and `None` for rows that are not padded."""

    @property
    def device(self) -> str:
        """The device by its torch name, as `cpu` or `cuda:0`."""
        ...

    @property
    def parameters(self) -> int:
        """The number of learned parameters."""
        ...

    @property
    def threads(self) -> int:
        """The number of CPU threads of a run outside `on_one_thread`."""
        ...

    def on_one_thread(self) -> AbstractContextManager[None]:
        """Runs of the calling thread take one thread of the CPU within the block, as on the event loop."""
        ...

    def coarsest_rounding(self, inputs: Tensors) -> float:
        """The largest relative rounding of any operation on these inputs, as machine epsilon; at least float32's."""
        ...

    def interrupt(self) -> None:
        """End the run in progress with an error if the runtime can; nobody uses the model afterwards."""
        ...
