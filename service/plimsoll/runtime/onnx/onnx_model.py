"""A session of ONNX Runtime behind the line's `Model` port."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from plimsoll.inference.batch_limits import UNBOUNDED
from plimsoll.inference.padding import Padding
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Shapes
from plimsoll.runtime.onnx.graph_facts import GraphFacts
from plimsoll.runtime.onnx.session_opening import SILENT


class OnnxModel:
    """Runs a session on one device. `warmed_inline_rows` is empty until warm-up has measured it.

    The session has its own threads, the same wherever a run is started.
    """

    threads = 1

    def __init__(
        self, session: onnxruntime.InferenceSession, signature: Signature, device: str, facts: GraphFacts
    ) -> None:
        self._run = session.run
        self._names = [spec.name for spec in signature.outputs]
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = SILENT
        self._rounding = facts.coarsest_rounding
        self.signature = signature
        self.device = device
        self.parameters = facts.parameters
        self.warmed_inline_rows: Mapping[Shapes, int] = {}
        self.padding: Padding | None = None

    def on_one_thread(self) -> AbstractContextManager[None]:
        """Nothing changes: the threads belong to the session."""
        return nullcontext()

    def coarsest_rounding(self, inputs: Tensors) -> float:
        """The largest relative rounding of the datatypes and operators of the graph, whatever the inputs are."""
        del inputs
        return self._rounding

    def interrupt(self) -> None:
        """End the run in progress with an error after its current operator, and every later run at once."""
        self._options.terminate = True

    @property
    def most_elements(self) -> int:
        """The most elements of a batch; see `Model`."""
        return UNBOUNDED if self.padding is None else self.padding.most_elements

    def inline_rows(self, shapes: Shapes = ()) -> int:
        """The most rows that one run answers within the inline budget; 0 for shapes that warm-up did not measure."""
        return self.warmed_inline_rows.get(shapes, 0)

    def new_batch(self, rows: int, shapes: Shapes = ()) -> dict[str, NDArray[Any]]:
        """Uninitialised input tensors of that many rows; without `shapes` an open dimension gets length 1."""
        specs = self.signature.inputs
        each = shapes or [tuple(abs(length) for length in spec.shape[1:]) for spec in specs]
        return {spec.name: np.empty((rows, *shape), spec.dtype) for spec, shape in zip(specs, each, strict=True)}

    def run(self, inputs: Tensors) -> Tensors:
        """Compute every output for every row, into memory of its own; the runtime only reads the inputs."""
        return dict(zip(self._names, self._run(self._names, inputs, self._options), strict=True))
