"""The port of a model that becomes a bundle."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from plimsoll.inference.payloads import Tensors


class NewModel(Protocol):
    """A model of any runtime, read from its files and able to run on the CPU."""

    @property
    def input_names(self) -> Sequence[str] | None:
        """The names that the model itself gives its inputs; `None` if it takes them by position."""
        ...

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        """The same names of inputs in the order in which the signature should list them."""
        ...

    @property
    def open_dimensions(self) -> Mapping[str, Collection[int]]:
        """Dimensions that are open whatever the examples are, by input or output; 1 is the first one after the rows."""
        ...

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Compute the outputs, by name and in the order of the signature.

        A model that takes its inputs by position gets them in the order of `inputs`, which is that of the signature.

        Raises:
            BundleError: with check `weights` when the model fails; `signature` when its answer cannot be read.
        """
        ...

    @property
    def record(self) -> Mapping[str, Any]:
        """The field `model` of the manifest."""
        ...

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files of the bundle that hold the model."""
        ...

    @property
    def framework(self) -> Mapping[str, str]:
        """The field `framework` of the manifest."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences about what was done, unasked, while the model was read or run."""
        ...
