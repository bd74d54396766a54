"""Reads the file of `--evaluate`: rows as requests would bring them, and perhaps the right answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from plimsoll.cli.evaluation_csv import read_csv, read_named_csv
from plimsoll.cli.example_files import check_file, read_tensors
from plimsoll.errors import ClientError
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Question, Task
from plimsoll.quoting import quote
from plimsoll.tasks.number_rows import MAX_ROWS
from plimsoll.tasks.tabular_rows import TabularRows

OPTION = "--evaluate"
FEWEST_ROWS = 20
_MOST_ROWS = 1_000_000
_TENSORS = {".npz", ".npy", ".safetensors"}
_LINES = {".jsonl", ".ndjson"}


class EvaluationRows(NamedTuple):
    """Rows of every input, and the columns of labels by name; a label is a text or a number."""

    inputs: Tensors
    labels: Mapping[str, Sequence[Any]]


def read_evaluation(path: Path, task: Task, signature: Signature, labels: Sequence[str]) -> EvaluationRows:
    """Read the rows of a file, each checked as the task checks a request. `labels` are the columns that may be labels.

    A `.csv` has a first line of names, which are those of the columns where the model has some; a `.npz` or
    `.safetensors` has a tensor for each input, a `.npy` one tensor; and a `.jsonl` has a request of one row in each
    line. Labels have a column, a tensor or a field of their name.

    Raises:
        typer.BadParameter: the file cannot be read, or a row is not one that the model takes.
    """
    check_file(path, OPTION)
    found: dict[str, Sequence[Any]]
    if path.suffix == ".csv":
        questions, found = _csv(path, task, signature, labels)
    elif path.suffix in _LINES:
        questions, found = _lines(path, task, labels)
    elif path.suffix in _TENSORS:
        questions, found = _tensors(path, task, labels)
    else:
        raise typer.BadParameter(
            f"{OPTION} {path.name} has another ending than .csv, .jsonl, .npz, .npy and .safetensors"
        )
    inputs = _written(path.name, questions, signature)
    rows = len(next(iter(inputs.values()))) if inputs else 0
    if rows < FEWEST_ROWS:
        raise typer.BadParameter(
            f"{OPTION} {path.name} has {rows} row{'' if rows == 1 else 's'}, which would show nothing; give at least "
            f"{FEWEST_ROWS}"
        )
    return EvaluationRows(inputs, found)


_Questions = Iterator[tuple[str, Question]]
"""Questions, each with the words for its first row."""


def _csv(
    path: Path, task: Task, signature: Signature, labels: Sequence[str]
) -> tuple[_Questions, dict[str, Sequence[Any]]]:
    specs = signature.inputs
    if len(specs) != 1 or len(specs[0].shape) != 2 or specs[0].open_dimensions:  # noqa: PLR2004  # rows of numbers
        raise typer.BadParameter(
            f"{OPTION} {path.name} is CSV, which is for models of one input of numbers, [-1, N]; give .npz with a "
            "tensor for each input, or .jsonl with a request in each line"
        )
    if isinstance(task, TabularRows) and task.columns is not None:
        table = task
        if (named := read_named_csv(path, OPTION, task.columns.names, labels)) is not None:
            names, lines, texts = named
            return _in_parts(path.name, len(lines), lambda part: table.of_cells(names, lines[part])), dict(texts)
    numbers, found = read_csv(path, OPTION, specs[0].shape[1], labels)
    return _in_parts(path.name, len(numbers), lambda part: task.of_rows(numbers[part])), dict(found)


def _tensors(path: Path, task: Task, labels: Sequence[str]) -> tuple[_Questions, dict[str, Sequence[Any]]]:
    tensors, _ = read_tensors(path, OPTION, labels)
    found = {name: tensors.pop(name) for name in labels if name in tensors}
    wire = {spec.name: spec for spec in task.wire.inputs}
    if set(tensors) == {""} and len(wire) == 1:
        tensors = dict.fromkeys(wire, tensors[""])
    if set(tensors) - set(wire) or not tensors:
        raise typer.BadParameter(
            f"{OPTION} {path.name} has the tensors {_listed(tensors)}, and the model takes {_listed(wire)}; labels are "
            f"in {_listed(labels) if labels else 'no tensor'}, or in the one that --label names"
        )
    counts = {name: len(tensor) if tensor.ndim else 0 for name, tensor in {**tensors, **found}.items()}
    if len(set(counts.values())) != 1:
        each = ", ".join(f"{count} of {quote(name)}" for name, count in counts.items())
        raise typer.BadParameter(f"{OPTION} {path.name} needs as many rows in each tensor, and it has {each}")
    cast = {name: _as(path.name, wire[name], tensor) for name, tensor in tensors.items()}
    rows = next(iter(counts.values()))
    questions = _in_parts(
        path.name, rows, lambda part: task.of_tensors({name: tensor[part] for name, tensor in cast.items()})
    )
    return questions, {name: column.tolist() for name, column in found.items()}


def _as(file: str, spec: TensorSpec, tensor: NDArray[Any]) -> NDArray[Any]:
    """A tensor in the datatype of an input; whole numbers stand for floating-point ones."""
    if len(tensor.shape) != len(spec.shape) or any(
        want not in (-1, have) for want, have in zip(spec.shape, tensor.shape, strict=True)
    ):
        raise typer.BadParameter(
            f"{OPTION} {file}: {quote(spec.name)} is of shape {list(tensor.shape)}, and the model takes "
            f"{list(spec.shape)}"
        )
    whole = spec.dtype.kind in "iu" and tensor.dtype.kind in "iu"
    fits = whole and (not tensor.size or _holds(spec.dtype, tensor))
    if tensor.dtype != spec.dtype and not fits and not (
        spec.dtype.kind == "f" and np.can_cast(tensor.dtype, spec.dtype, "same_kind")
    ):  # fmt: skip
        raise typer.BadParameter(
            f"{OPTION} {file}: {quote(spec.name)} holds {tensor.dtype}, and the model takes {spec.datatype}"
        )
    with np.errstate(over="ignore"):  # the task refuses what becomes infinite
        return np.ascontiguousarray(tensor, spec.dtype)


def _holds(dtype: np.dtype[Any], tensor: NDArray[Any]) -> bool:
    limits = np.iinfo(dtype)
    return int(tensor.min()) >= limits.min and int(tensor.max()) <= limits.max


def _lines(path: Path, task: Task, labels: Sequence[str]) -> tuple[_Questions, dict[str, Sequence[Any]]]:
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    documents = []
    for number, line in enumerate(lines, start=1):
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise typer.BadParameter(f"line {number} of {OPTION} {path.name} is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise typer.BadParameter(f"line {number} of {OPTION} {path.name} should be an object, a request of one row")
        documents.append(document)
    present = [name for name in labels if documents and name in documents[0]]
    found: dict[str, Sequence[Any]] = {}
    for name in present:
        without = next((at for at, each in enumerate(documents, start=1) if name not in each), None)
        if without is not None:
            raise typer.BadParameter(
                f"line {without} of {OPTION} {path.name} has no {quote(name)}, as the first one has"
            )
        found[name] = [each.pop(name) for each in documents]

    def questions() -> _Questions:
        for number, document in enumerate(documents, start=1):
            words = f"line {number} of {OPTION} {path.name}"
            with_words = _checked(words, lambda document=document: task.read(orjson.dumps(document)))
            if with_words.rows != 1:
                raise typer.BadParameter(f"{words} holds {with_words.rows} rows; give each row a line of its own")
            yield words, with_words

    return questions(), found


def _in_parts(file: str, rows: int, question: Any) -> _Questions:  # noqa: ANN401  # a question of a slice of rows
    if rows > _MOST_ROWS:
        raise typer.BadParameter(
            f"{OPTION} {file} has {rows} rows, and {_MOST_ROWS} is the most; give a sample of them"
        )
    for start in range(0, rows, MAX_ROWS):
        part = slice(start, min(start + MAX_ROWS, rows))
        words = f"of {OPTION} {file}"
        yield words, _checked(words, lambda part=part: question(part), start)


def _checked(words: str, ask: Any, first: int | None = None) -> Any:  # noqa: ANN401  # whatever it gives
    """Call what reads or writes rows; a refusal is about the file and not about a request."""
    try:
        return ask()
    except ClientError as error:
        raise _refusal(words, error, first) from None


def _refusal(words: str, error: ClientError, first: int | None) -> typer.BadParameter:
    where = words if first is None else f"row {first + (error.index or 0)} {words}"
    expected = "" if error.expected is None else f"; expected {error.expected}"
    given = "" if error.given is None else f", given {error.given}"
    return typer.BadParameter(f"{where} is not one that the model takes: {error.message}{expected}{given}")


def _written(file: str, questions: _Questions, signature: Signature) -> dict[str, NDArray[Any]]:
    """The rows of all questions; rows of different lengths cannot be measured together."""
    parts: list[dict[str, NDArray[Any]]] = []
    first = 0
    for words, question in questions:
        shapes = question.shapes or [spec.shape[1:] for spec in signature.inputs]
        part = {
            spec.name: np.empty((question.rows, *shape), spec.dtype)
            for spec, shape in zip(signature.inputs, shapes, strict=True)
        }
        _checked(words, lambda question=question, part=part: question.write(part), first)
        if parts and any(part[name].shape[1:] != tensor.shape[1:] for name, tensor in parts[0].items()):
            raise typer.BadParameter(
                f"{OPTION} {file} has rows of different lengths, and a tuning measures rows of one length; give rows "
                "of the length that is asked most often"
            )
        parts.append(part)
        first += question.rows
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(quote(name or "without a name", 40) for name in list(names)[:8]) or "none"
