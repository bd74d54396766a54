"""The values that the steps of the line exchange: signatures, targets, reports and answers. All are immutable.

Those of each request are structs of msgspec, which makes one in a fraction of the time of a named tuple.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import PlimsollError

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BF16"
]
"""Datatypes of a model's tensors by their Open Inference Protocol names."""

WireDatatype = Datatype | Literal["BYTES"]
"""Datatypes of tensors that clients send and get. BYTES is any text or bytes; a model never sees it."""

LARGEST_BF16 = 3.3895313892515355e38

NUMPY_DTYPES: Mapping[Datatype, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BF16": np.dtype(np.float32),
}
"""The dtype in which arrays hold a datatype.

numpy has no bfloat16. Its numbers are held as FP32, which has all of them, and the runtime rounds to BF16 at the model.
"""

WIRE_DTYPES: Mapping[WireDatatype, np.dtype[Any]] = dict([*NUMPY_DTYPES.items(), ("BYTES", np.dtype(np.object_))])
"""The same for tensors on the wire; an element of BYTES is a `bytes`."""

Tensors = Mapping[str, NDArray[Any]]
"""Named tensors, the batch dimension first."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One named tensor of a signature.

    `shape` counts the batch dimension, which is always the first and always -1. `minimum` and `maximum` bound every
    element, inclusive. `labels` name the positions of the last dimension. With a `threshold` each row has one score,
    and there are two labels: of the class below the threshold, and of the class at or above it. Signatures that differ
    only in the threshold are equal, because clients read both answers in the same way.
    """

    name: str
    datatype: WireDatatype
    shape: tuple[int, ...]
    minimum: float | None = None
    maximum: float | None = None
    labels: tuple[str | int, ...] = ()
    threshold: float | None = field(default=None, compare=False)

    @property
    def open_dimensions(self) -> bool:
        """Whether rows may differ in shape."""
        return -1 in self.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy dtype in which arrays hold the datatype."""
        return WIRE_DTYPES[self.datatype]

    def accepts(self, tensor: NDArray[Any]) -> bool:
        """Whether dtype and shape fit; -1 fits any length."""
        return (
            tensor.dtype == self.dtype
            and tensor.ndim == len(self.shape)
            and all(want in (-1, have) for want, have in zip(self.shape, tensor.shape, strict=True))
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """The input and output tensors of a model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class Classes(Protocol):
    """The labels of which a version answers one for each row."""

    @property
    def output(self) -> str:
        """The name of the output whose scores choose the label."""
        ...

    @property
    def labels(self) -> tuple[str | int, ...]:
        """The labels; each is another text."""
        ...

    def chosen(self, scores: NDArray[Any]) -> NDArray[np.intp]:
        """The position in `labels` that each row of the output means, of shape [rows]."""
        ...


class Scores(msgspec.Struct, frozen=True):
    """The output of one answer, from which the answered labels can be counted later.

    `values` has shape [rows, ...] and may share the memory of its whole batch, so keep few of them and not for long.
    """

    classes: Classes
    values: NDArray[Any]


class BatchReport(msgspec.Struct, frozen=True):
    """Reports one batch that has run: its rows, the wait of each request, and the time of the forward pass.

    `contexts` holds the value of `LaneObserver.context` for each request. A batch that `failed` gave no answers; its
    requests may run again one by one, which adds another wait. `elements` are those of the inputs of a batch whose rows
    have no fixed length, and `padding` is the number of them that fill rows up; both are 0 for any other batch.
    """

    rows: int
    wait_seconds: tuple[float, ...]
    forward_seconds: float
    contexts: tuple[object, ...] = ()
    failed: bool = False
    elements: int = 0
    padding: int = 0


class PieceReport(msgspec.Struct, frozen=True):
    """Reports one piece of a streamed answer, a prediction or the error of a row.

    `seconds` is the time since the request arrived for its `first` piece, or else the time for which the stream waited
    after the piece before; the time that the client took to read does not count. `scores` are those of a prediction
    whose label is counted.
    """

    model: str
    version: str
    seconds: float
    first: bool
    failed: bool
    scores: Scores | None = None


class Target(msgspec.Struct, frozen=True):
    """The model, version and user of a request. `None` leaves the choice to the server.

    `pin` is the version that the client requires; `key` identifies a user, who should always get the same version.
    """

    model: str | None = None
    pin: str | None = None
    key: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """The result of the line: the outputs of one request's rows and the version that computed them.

    `scores` are set if the labels that the version answers are counted.
    """

    model: str
    version: str
    outputs: Tensors
    scores: Scores | None = None


class Piece(msgspec.Struct, frozen=True):
    """The end of a row, by its index in the request: a result, which is JSON with arrays in it, or its own error.

    `scores` are those of a result whose label is counted.
    """

    row: int
    result: Any = None
    error: PlimsollError | None = None
    scores: Scores | None = None
