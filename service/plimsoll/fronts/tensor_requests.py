"""The meaning of a request of tensors, the same in HTTP and gRPC: its inputs, wanted outputs and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.served_version import ServedVersion
from plimsoll.quoting import quote
from plimsoll.tasks.number_rows import check_count

_MICROSECONDS = 1_000_000
LARGEST = (1 << 63) - 1
"""The largest length, size or time. Python writes no number of thousands of digits, as a product of lengths may be."""
_MOST_CLASSES = 100_000
"""Of all rows; each becomes a text on the event loop."""
_MATRIX = 2
"""Dimensions of an output of scores: the rows and the classes."""

Parameters = Mapping[str, Any]


class Wanted(NamedTuple):
    """One output that the client wants: `classes` is the number of best classes, 0 for the tensor itself."""

    spec: TensorSpec
    binary: bool
    classes: int = 0


class TensorRequest(NamedTuple):
    """The front's record of one request: the client's `id` and the outputs that it wants."""

    id: str | None
    wanted: tuple[Wanted, ...]


def cost_of_elements(served: ServedVersion, size: int) -> int:
    """The cost of reading so many bytes, if the task reads each element of them, as a text or a picture; otherwise 0.

    A front counts what its own format costs. A task of text or pictures does far more with an element than that.
    """
    return size * served.task.reading_cost if reads_elements(served) else 0


def reads_elements(served: ServedVersion) -> bool:
    """Whether the rows of the task are elements that it reads, as texts or pictures, and no numbers."""
    return any(spec.datatype == "BYTES" for spec in served.task.wire.inputs)


def declared_spec(wire: Signature, name: str, datatype: str, shape: Sequence[int]) -> TensorSpec:
    """The input that a client declares so. The data of the tensor need not have been looked at.

    Raises:
        InvalidInput: there is no such input, it has another datatype, or the shape does not fit.
    """
    for spec in wire.inputs:
        if spec.name == name:
            break
    else:
        raise InvalidInput(f"unknown input {quote(name, 64)}", expected=f"inputs {names_of(wire.inputs)}")
    if datatype != spec.datatype:
        raise InvalidInput(
            f"the input '{name}' has the wrong datatype", expected=spec.datatype, given=quote(datatype, 16)
        )
    if not _fits(spec.shape, shape):
        raise InvalidInput(
            f"the input '{name}' has the wrong shape",
            expected=f"{list(spec.shape)}, where -1 is any length from 1 on", given=quote(str(list(shape)), 80),
        )  # fmt: skip
    check_count(shape[0])
    return spec


def _fits(wanted: tuple[int, ...], shape: Sequence[int]) -> bool:
    """Whether a shape is the wanted one, in which -1 is any length; a loop, because `all` costs twice as much."""
    if len(shape) != len(wanted) or not 0 <= shape[0] <= LARGEST:
        return False
    for want, have in zip(wanted[1:], shape[1:], strict=True):
        if not (0 < have <= LARGEST if want < 0 else have == want):
            return False
    return True


def add_once(tensors: dict[str, Any], name: str, tensor: object) -> None:
    """Add a tensor by its name.

    Raises:
        InvalidInput: there is one of this name.
    """
    if name in tensors:
        raise InvalidInput(f"the input '{name}' is given twice", expected="each input once")
    tensors[name] = tensor


def check_own_data(name: str, parameters: Iterable[str]) -> None:
    """Refuse an input whose data is not in the request.

    Raises:
        InvalidInput: one of the names of its parameters is that of shared memory.
    """
    if any(parameter.startswith("shared_memory") for parameter in parameters):
        raise InvalidInput(
            f"the input {quote(name, 64)} is in shared memory, which this server does not read",
            expected="its data in the request",
        )


def check_number(inputs: Sequence[object], wire: Signature) -> None:
    """Refuse a request with no input or with more inputs than there are, before each of them is looked at.

    Raises:
        InvalidInput: there are none or too many.
    """
    if not 1 <= len(inputs) <= len(wire.inputs):
        raise InvalidInput(
            "the number of inputs is wrong",
            expected=f"the inputs {names_of(wire.inputs)}",
            given=f"{len(inputs)} inputs",
        )


def wanted_outputs(
    wire: Signature, asked: Sequence[tuple[str, Parameters]] | None, *, binary: bool
) -> tuple[Wanted, ...]:
    """The outputs that a client asks for by name and parameters, in its order; all of them if it asks for none.

    Raises:
        InvalidInput: there is no such output, one is asked for twice, or a parameter is wrong.
    """
    if not asked:
        return tuple([Wanted(spec, binary) for spec in wire.outputs])
    if len(asked) > len(wire.outputs):
        raise InvalidInput("more outputs are asked for than there are", expected=f"outputs {names_of(wire.outputs)}")
    known = {spec.name: spec for spec in wire.outputs}
    wanted: list[Wanted] = []
    for name, parameters in asked:
        spec = known.pop(name, None)
        if spec is None:
            what = "is asked for twice" if any(name == each.name for each in wire.outputs) else "is not known"
            raise InvalidInput(f"the output {quote(name, 64)} {what}", expected=f"outputs {names_of(wire.outputs)}")
        wanted.append(Wanted(spec, _flag(parameters, "binary_data", binary), _classes(spec, parameters)))
    return tuple(wanted)


def binary_output(parameters: Parameters) -> bool:
    """Whether outputs without a wish of their own should be binary."""
    return _flag(parameters, "binary_data_output", default=False)


def timeout_seconds(parameters: Parameters) -> float | None:
    """The timeout that the parameters name, in microseconds; `None` without one, and for 0. Checks `priority` too.

    Raises:
        InvalidInput: a parameter is not what it should be.
    """
    priority = parameters.get("priority", 0)
    if type(priority) is not int or priority != 0:
        raise InvalidInput(
            "requests have no priorities here",
            expected="the parameter priority 0 or none",
            given=quote(str(priority), 32),
        )
    if "sequence_id" in parameters and parameters["sequence_id"] not in (0, ""):
        raise InvalidInput("models here keep no state between requests", expected="no parameter sequence_id")
    timeout = parameters.get("timeout", 0)
    if type(timeout) is not int or not 0 <= timeout <= LARGEST:
        raise InvalidInput(
            "the parameter timeout is not a time", expected="a whole number of microseconds from 0 on",
            given=quote(str(timeout), 32),
        )  # fmt: skip
    return timeout / _MICROSECONDS if timeout else None


def output_of(wanted: Wanted, outputs: Tensors) -> tuple[TensorSpec, NDArray[Any]]:
    """A wanted output, as it is or as its best classes, and the spec that says what it is.

    Raises:
        InvalidInput: the best classes of all rows are too many.
    """
    spec = wanted.spec
    if not wanted.classes:
        return spec, outputs[spec.name]
    return TensorSpec(spec.name, "BYTES", (-1, wanted.classes)), _best(outputs[spec.name], wanted)


def _best(scores: NDArray[Any], wanted: Wanted) -> NDArray[Any]:
    """The best classes of each row, the best first: `score:index`, and `:label` where there are labels."""
    count = len(scores) * wanted.classes
    if count > _MOST_CLASSES:
        raise InvalidInput(
            f"too many classes of the output '{wanted.spec.name}' are asked for",
            expected=f"at most {_MOST_CLASSES} in all rows", given=f"{count}",
        )  # fmt: skip
    ends = [f":{label}" for label in wanted.spec.labels] or [""] * scores.shape[1]
    order = _best_columns(scores, wanted.classes)
    best = np.take_along_axis(scores, order, axis=1)
    texts = np.empty(count, np.object_)
    pairs = zip(best.reshape(-1).tolist(), order.reshape(-1).tolist(), strict=True)
    texts[:] = [f"{score:f}:{column}{ends[column]}".encode() for score, column in pairs]
    return texts.reshape(order.shape)


def _best_columns(scores: NDArray[Any], count: int) -> NDArray[np.intp]:
    """The columns of the `count` best scores of each row, the best first; of equal scores the lowest column's.

    NaN is worse than every number. A full sort of many columns would hold up the event loop, so only the best are
    sorted.
    """
    rows, columns = scores.shape
    if count == 1:
        best: NDArray[np.intp] = np.argmax(scores == np.fmax.reduce(scores, axis=1, keepdims=True), axis=1)
        return best[:, np.newaxis]
    falling = -scores if scores.dtype.kind == "f" else ~scores  # which no whole number overflows
    if count == columns:
        return np.argsort(falling, axis=1, kind="stable")
    last = np.partition(falling, count - 1, axis=1)[:, count - 1 : count]
    better = (falling < last) | (~np.isnan(falling) & np.isnan(last))
    equal = (falling == last) | (np.isnan(falling) & np.isnan(last))
    room = count - better.sum(axis=1, keepdims=True)
    chosen = np.nonzero(better | (equal & (equal.cumsum(axis=1) <= room)))[1].reshape(rows, count)
    among = np.argsort(np.take_along_axis(falling, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, among, axis=1)


def _classes(spec: TensorSpec, parameters: Parameters) -> int:
    if "classification" not in parameters:
        return 0
    classes = parameters["classification"]
    if len(spec.shape) != _MATRIX or spec.datatype == "BYTES" or spec.shape[1] < 1 or spec.threshold is not None:
        raise InvalidInput(
            f"the output '{spec.name}' has no classes", expected="an output with one score for each class",
            given=f"{spec.datatype} {list(spec.shape)}",
        )  # fmt: skip
    if type(classes) is not int or classes < 1:
        raise InvalidInput(
            "the parameter classification is not a number of classes", expected="a whole number from 1 on",
            given=quote(str(classes), 32),
        )  # fmt: skip
    return min(classes, spec.shape[1])


def _flag(parameters: Parameters, name: str, default: bool) -> bool:  # noqa: FBT001  # a value, not a switch
    flag = parameters.get(name, default)
    if not isinstance(flag, bool):
        raise InvalidInput(f"the parameter {name} is not a flag", expected="true or false", given=quote(str(flag), 32))
    return flag


def names_of(specs: Iterable[TensorSpec]) -> str:
    """The names of tensors, for a sentence."""
    return ", ".join(spec.name for spec in specs)
