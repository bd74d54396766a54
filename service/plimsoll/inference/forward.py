"""The forward pass of a model, and how it ends."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.errors import ModelFailed
from plimsoll.inference.payloads import Tensors, TensorSpec
from plimsoll.inference.ports import Model


class Forward:
    """Runs a model and checks its outputs against its signature. An error is returned and never raised.

    A model may raise anything, and some of it cannot travel as an exception: a future cannot hold a `StopIteration`,
    asyncio ends the process on a `SystemExit` and takes a `CancelledError` for its own.

    `since` is when the run in progress began, in seconds of `clock`, and `None` between runs; `rows` is how many rows
    it has. Another thread may read both.
    """

    def __init__(self, model: Model, clock: Callable[[], float]) -> None:
        self._model = model
        self.clock = clock
        self._outputs = [(spec, spec.dtype, spec.shape[1:]) for spec in model.signature.outputs]
        self.since: float | None = None
        self.rows = 0

    def run(self, inputs: Tensors, rows: int) -> Tensors | BaseException:
        """The outputs for that many rows, or what the model raised, or a `ModelFailed` that names a wrong output."""
        self.rows = rows
        self.since = self.clock()
        try:
            outputs = self._model.run(inputs)
            for spec, dtype, shape in self._outputs:
                output = outputs[spec.name]
                # The first comparison decides for an output of fixed shape and costs a tenth of the second.
                if output.dtype != dtype or (output.shape != (rows, *shape) and not _fits(spec, output.shape, rows)):
                    return _wrong_output(spec, rows, f"{output.dtype} of shape {list(output.shape)}")
        except BaseException as error:  # noqa: BLE001  # whatever a model raises belongs to its requests
            return error
        finally:
            self.since = None
        return outputs


def _fits(spec: TensorSpec, shape: tuple[int, ...], rows: int) -> bool:
    wanted = (rows, *spec.shape[1:])
    return len(shape) == len(wanted) and all(want in (-1, have) for want, have in zip(wanted, shape, strict=True))


def _wrong_output(spec: TensorSpec, rows: int, given: str) -> ModelFailed:
    return ModelFailed(
        f"the model gave an output '{spec.name}' that does not fit its signature",
        expected=f"{spec.datatype} of shape {[rows, *spec.shape[1:]]}",
        given=given,
    )
