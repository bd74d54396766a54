"""The protocols of the parts around the line: front, task, model, selector and observer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from numpy.typing import NDArray

from plimsoll.errors import PlimsollError
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer, BatchReport, Classes, PieceReport, Scores, Signature, Target, Tensors

if TYPE_CHECKING:
    from plimsoll.inference.served_version import ServedVersion

Json = dict[str, Any]
"""A JSON object."""

Shapes = tuple[tuple[int, ...], ...]
"""The dimensions of one row of each input, in the order of the signature; empty where the signature fixes them."""


class Question(Protocol):
    """The rows of one request: read, and not yet written into a batch.

    `user` is the user in the body, if any. `shapes` are those of one row, empty where the signature fixes them, and
    `padding` is the number of elements that fill the rows up to these shapes.
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
    def padding(self) -> int:
        """The elements of padding in all inputs and rows; 0 for rows that are not padded."""
        ...

    @property
    def user(self) -> str | None:
        """The user that the body names."""
        ...

    def row(self, index: int) -> Question:
        """One of the rows as a question of its own, whose errors name it by its index in this one."""
        ...

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write every row into the tensors, each of shape [rows, ...].

        Raises:
            InvalidInput: a number is out of the bounds of the signature.
        """
        ...


class Task(Protocol):
    """The purpose of a model, bound to one version when it is loaded. Immutable.

    Two tasks are equal only if every body means the same question to both; a task without `__eq__` equals none but
    itself.
    """

    def read(self, body: bytes) -> Question:
        """Parse a JSON body into a question. May be called on any thread.

        Raises:
            MalformedBody: the body is empty or not JSON.
            InvalidInput: the body is JSON, but not a valid question for this model.
        """
        ...

    def of_rows(self, rows: NDArray[Any]) -> Question:
        """Make a question of flat rows of numbers, FP64 of shape [rows, columns].

        Raises:
            InvalidInput: the rows do not fit the model, or the model takes no flat rows.
        """
        ...

    @property
    def wire(self) -> Signature:
        """The tensors of requests and answers, for protocols of tensors; they may have the datatype BYTES."""
        ...

    def of_tensors(self, tensors: Tensors) -> Question:
        """Make a question of tensors, each of which has name, datatype and dimensions of an input in `wire`.

        Raises:
            InvalidInput: an input is missing, numbers of rows differ, or a number is out of bounds.
        """
        ...

    def tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The outputs in `wire` for the rows of a question that `of_tensors` has made.

        Raises:
            ModelFailed: the model has not answered all of a row.
        """
        ...

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """One JSON value for each row of the question; numpy arrays stand for arrays of numbers.

        Raises:
            ModelFailed: a number is not finite, which JSON cannot express; `index` names the row.
        """
        ...

    @property
    def classes(self) -> Classes | None:
        """The labels that it answers, if the predictions of each are counted."""
        ...

    @property
    def reading_cost(self) -> int:
        """The time to read a byte, as a multiple of that of plain rows."""
        ...

    @property
    def slow_results(self) -> bool:
        """Whether `results` may take long, so that a thread has to form them; the question keeps them from then on."""
        ...

    @property
    def item(self) -> str:
        """The field of a JSON body that holds one row; `instances` holds several."""
        ...

    def row_schema(self) -> Json:
        """The JSON schema of one row."""
        ...

    def example_row(self, inputs: Tensors) -> Any:  # noqa: ANN401  # JSON
        """One row in the form of a body, from tensors without the batch dimension."""
        ...

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """A whole answer: the HTTP status, header fields and body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes


class Front(Protocol):
    """A wire format. Stateless: turns bytes into a question, and an answer or an error into bytes."""

    @property
    def protocol(self) -> str:
        """The label of its metrics."""
        ...

    @property
    def media_types(self) -> tuple[str, ...]:
        """The types of the bodies that it reads, first the one that it writes; "" is a body without a declared type."""
        ...

    @property
    def encodings(self) -> tuple[str, ...]:
        """The content codings of bodies that are inflated before it reads them: gzip, deflate or none."""
        ...

    def reading_cost(self, call: Call, body: bytes, served: ServedVersion) -> int:
        """The bytes of plain JSON rows that take as long to read as this body."""
        ...

    def target(self, call: Call) -> Target:
        """The model, version and user that the path and the head name."""
        ...

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """The question of a body; see `Task.read` for the errors. May be called on any thread.

        It may set `asked` and `timeout_seconds` of the call.
        """
        ...

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """The answer in this format; see `Task.results` for the errors."""
        ...

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """An error in this format."""
        ...

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """OpenAPI's media type object of a body: the field and the schema of one row, and examples in JSON.

        Empty where this format cannot carry such a row.
        """
        ...

    def answer_content(self) -> Json:
        """OpenAPI's media type object of an answer, empty where the route's own model describes it."""
        ...


class Model(Protocol):
    """A loaded model that has passed its golden samples and is warm."""

    @property
    def signature(self) -> Signature:
        """Its input and output tensors."""
        ...

    @property
    def most_elements(self) -> int:
        """The most elements of a batch of rows of open shape that its bundle allows."""
        ...

    def inline_rows(self, shapes: Shapes = ()) -> int:
        """The most rows of these shapes that one run answers within the inline budget, measured at warm-up.

        0 if not even one row does, and for shapes that were not part of warm-up. Without shapes, of a model that leaves
        some open: the most for any.
        """
        ...

    def new_batch(self, rows: int, shapes: Shapes = ()) -> dict[str, NDArray[Any]]:
        """Uninitialised input tensors with that many rows, to be written in place."""
        ...

    def run(self, inputs: Tensors) -> Tensors:
        """Compute every output for every row of `inputs`, and do not change `inputs`. Blocks until it is done.

        The model must not keep the inputs, because the next batch overwrites them. The outputs are contiguous, and no
        other run writes into them.
        """
        ...


class Outcome(msgspec.Struct, frozen=True):
    """The end of one request. `model` and `version` are empty if none was selected; `status` is the HTTP status.

    `code` is the code of the error, empty if there was none. The time of a `streamed` answer says nothing of latency.
    `scores` are those of a whole answer whose labels are counted; they are meaningless unless `status` is 200.
    """

    protocol: str
    model: str
    version: str
    status: int
    duration_seconds: float
    code: str = ""
    streamed: bool = False
    scores: Scores | None = None


class Observer(Protocol):
    """Receives the outcome of every request, exactly once."""

    def request_started(self) -> None:
        """A request has started."""
        ...

    def request_finished(self, outcome: Outcome) -> None:
        """The request has been answered or abandoned."""
        ...

    def cache_looked_up(self, model: str, version: str, *, found: bool) -> None:
        """An input was looked up in the response cache."""
        ...

    def piece_streamed(self, piece: PieceReport) -> None:
        """A streamed answer has got its next piece."""
        ...


class LaneObserver(Protocol):
    """Receives the events of one version's lane."""

    def context(self) -> object:
        """The link of the current request to its trace, or `None`; the lane only passes it on."""
        ...

    def queue_changed(self, waiting: int) -> None:
        """The number of complete requests that wait for the model has changed."""
        ...

    def batch_finished(self, report: BatchReport) -> None:
        """A batch has run."""
        ...

    def inline_rows_lowered(self, inline_rows: int, rows: int, seconds: float) -> None:
        """Batches of more than `inline_rows` leave the event loop, because some of `rows` rows took `seconds` there."""
        ...
