"""Tiny models behind the line's `Model` port."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plimsoll.inference.batch_limits import UNBOUNDED
from plimsoll.inference.payloads import Datatype, Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Shapes


def flat_signature(
    width: int, datatype: Datatype = "FP32", minimum: float | None = None, maximum: float | None = None
) -> Signature:
    """Rows of `width` numbers in, as many labelled numbers out; the labels are 'a', 'b' and so on."""
    labels = tuple(chr(ord("a") + position) for position in range(width))
    return Signature(
        inputs=(TensorSpec("x", datatype, (-1, width), minimum, maximum),),
        outputs=(TensorSpec("y", datatype, (-1, width), labels=labels),),
    )


class EchoModel:
    """Gives its inputs back as its outputs, and keeps the names of the threads that ran it."""

    device = "cpu"
    parameters = 0
    most_elements = UNBOUNDED

    def __init__(self, signature: Signature | None = None, *, inline_rows: int = 100) -> None:
        self.signature = signature or flat_signature(2)
        self.rows_on_the_loop = inline_rows
        self.threads: list[str] = []
        self.interrupted = False

    def interrupt(self) -> None:
        """Note it."""
        self.interrupted = True

    def inline_rows(self, shapes: Shapes = ()) -> int:
        """As many as it was made with, of rows of any shape."""
        del shapes
        return self.rows_on_the_loop

    def new_batch(self, rows: int, shapes: Shapes = ()) -> dict[str, NDArray[Any]]:
        """Input tensors filled with what nobody asked for, so that a row left unwritten shows."""
        specs = self.signature.inputs
        each = shapes or [tuple(abs(length) for length in spec.shape[1:]) for spec in specs]
        return {spec.name: np.full((rows, *row), 77, spec.dtype) for spec, row in zip(specs, each, strict=True)}

    def run(self, inputs: Tensors) -> Tensors:
        """The inputs under the names of the outputs."""
        self.threads.append(threading.current_thread().name)
        return {
            there.name: inputs[here.name].copy()
            for here, there in zip(self.signature.inputs, self.signature.outputs, strict=True)
        }


class SlowModel(EchoModel):
    """Runs until `release` is set; `running` is set once it has begun. Never on the event loop."""

    def __init__(self) -> None:
        super().__init__(inline_rows=0)
        self.running = threading.Event()
        self.release = threading.Event()

    def run(self, inputs: Tensors) -> Tensors:
        """Echo, when released."""
        self.running.set()
        assert self.release.wait(timeout=30), "nobody released the slow model"
        return super().run(inputs)


class FailingModel(EchoModel):
    """Breaks down with words that no client may read."""

    private_words = "weights at /srv/secret/weights.bin"

    def run(self, inputs: Tensors) -> Tensors:
        """Raise, whatever the inputs."""
        raise RuntimeError(f"cannot use {self.private_words} for {len(inputs)} tensors")


class NanModel(EchoModel):
    """Answers with NaN, which JSON cannot say."""

    def run(self, inputs: Tensors) -> Tensors:
        """NaN for every number."""
        return {name: np.full_like(tensor, np.nan) for name, tensor in super().run(inputs).items()}


POISON = -1.0
"""A number on which `PoisonedModel` fails."""


class PoisonedModel(EchoModel):
    """Negates one number a row; fails on a whole batch that holds `POISON`. `seen` lists the numbers of every run.

    With `any_length` a row may hold its number any number of times.
    """

    def __init__(self, inline_rows: int = 0, *, any_length: bool = False) -> None:
        signature = flat_signature(1, "FP64")
        if any_length:
            signature = Signature((TensorSpec("x", "FP64", (-1, -1)),), (TensorSpec("y", "FP64", (-1, -1)),))
        super().__init__(signature, inline_rows=inline_rows)
        self.seen: list[list[float]] = []

    def run(self, inputs: Tensors) -> Tensors:
        """The negated numbers."""
        numbers = inputs["x"]
        self.seen.append(numbers[:, 0].tolist())
        if (numbers == POISON).any():
            raise RuntimeError("poison")
        return {"y": -numbers}
