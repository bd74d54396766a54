"""The ways in and out of the line: what a front, a task, a model, a selector and an observer have to offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from numpy.typing import NDArray

from plimsoll.errors import PlimsollError
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer, BatchReport, Signature, Target, Tensors

if TYPE_CHECKING:
    from plimsoll.inference.served_version import ServedVersion

Json = dict[str, Any]
"""A JSON object."""

Shapes = tuple[tuple[int, ...], ...]
"""The dimensions of one row of each input, in the order of the signature; empty where the signature fixes them."""


class Question(Protocol):
    """The rows of one request: read, and not yet written into a batch.

    `user` is whom the body names, if anyone. `shapes` are those of one row, empty where the signature fixes them.
    """

    @property
    def rows(self) -> int:
        """The number of rows, at least 1."""
        ...

    @property
    def shapes(self) -> Shapes:
        """Rows of the same shapes may share a batch."""
        ...

    @property
    def user(self) -> str | None:
        """The user that the body names."""
        ...

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write every row into the tensors, each of shape [rows, ...].

        Raises:
            InvalidInput: a number is out of the bounds of the signature.
        """
        ...


class Task(Protocol):
    """The purpose of a model, bound to one version when it is loaded. Immutable."""

    def read(self, body: bytes) -> Question:
        """The question of a JSON body. May be called on any thread.

        Raises:
            MalformedBody: the body is empty or not JSON.
            InvalidInput: it is JSON, and no question for this model.
        """
        ...

    def of_rows(self, rows: NDArray[Any]) -> Question:
        """The question that flat rows of numbers ask, FP64 of shape [rows, columns].

        Raises:
            InvalidInput: the rows do not fit the model, or the model takes no flat rows.
        """
        ...

    def results(self, outputs: Tensors) -> list[Any]:
        """One JSON value for each row; numpy arrays stand for arrays of numbers.

        Raises:
            ModelFailed: a number is not finite, which JSON cannot say; `index` names the row.
        """
        ...

    @property
    def item(self) -> str:
        """The field of a JSON body that holds one row; `instances` holds several."""
        ...

    def row_schema(self) -> Json:
        """The JSON schema of one row."""
        ...

    def example_row(self, inputs: Tensors) -> Any:  # noqa: ANN401  # JSON
        """One row as a body holds it, of tensors without the batch dimension."""
        ...

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        ...


class Reply(NamedTuple):
    """A whole answer: the HTTP status, header fields and body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes


class Front(Protocol):
    """A wire format. Stateless: bytes in, a question; an answer or an error, bytes out."""

    @property
    def protocol(self) -> str:
        """The label of its metrics."""
        ...

    @property
    def media_type(self) -> str:
        """The type of the bodies that it reads and writes."""
        ...

    def target(self, call: Call) -> Target:
        """The model, version and user that the path and the head name."""
        ...

    def read(self, body: bytes, served: ServedVersion) -> Question:
        """The question of a body; see `Task.read` for the errors. May be called on any thread."""
        ...

    def reply(self, call: Call, served: ServedVersion, answer: Answer) -> Reply:
        """The answer in this format; see `Task.results` for the errors."""
        ...

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """An error in this format."""
        ...

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """OpenAPI's media type object of a body: the field and the schema of one row, and examples in JSON."""
        ...

    def answer_content(self) -> Json:
        """OpenAPI's media type object of an answer, empty where the route's own model describes it."""
        ...


class Model(Protocol):
    """A loaded model that has been proven and warmed."""

    @property
    def signature(self) -> Signature:
        """The tensors it takes and gives."""
        ...

    def inline_rows(self, shapes: Shapes = ()) -> int:
        """The most rows of these shapes that one run answers within the inline budget, measured at warm-up.

        0 where none does, and for shapes that were never warmed.
        """
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
    """The end of one request. `model` and `version` are empty when none could be chosen; `status` is the HTTP number.

    `code` is the error's word, empty where there was none.
    """

    protocol: str
    model: str
    version: str
    status: int
    duration_seconds: float
    code: str = ""


class Observer(Protocol):
    """Is told once of every request that ends, whatever the end."""

    def request_started(self) -> None:
        """A request has entered."""
        ...

    def request_finished(self, outcome: Outcome) -> None:
        """The same request has been answered or given up."""
        ...

    def cache_looked_up(self, model: str, version: str, *, found: bool) -> None:
        """An input was looked up in the response cache."""
        ...


class LaneObserver(Protocol):
    """Is told what goes on in one version's lane."""

    def context(self) -> object:
        """The link of the current request to its trace, or `None`; handed back unread."""
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
