"""A torch module behind the line's `Model` port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from plimsoll.errors import BundleError, OutOfDeviceMemory
from plimsoll.inference.batch_limits import UNBOUNDED
from plimsoll.inference.padding import Padding
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Shapes
from plimsoll.runtime.pytorch.devices import one_thread
from plimsoll.runtime.pytorch.module_outputs import signature_outputs
from plimsoll.runtime.pytorch.rounding import coarsest_rounding

_inference_mode = getattr(torch._C, "_InferenceMode", torch.inference_mode)  # noqa: SLF001
"""The class in C behind `torch.inference_mode`, which costs a third of it. PyTorch calls it private."""


class TorchModel:
    """Runs a module on one device. `warmed_inline_rows` is empty until warm-up has measured it."""

    def __init__(self, module: Callable[..., Any], signature: Signature, device: torch.device, parameters: int) -> None:
        self._module = module
        self._device = device
        self._names = tuple(spec.name for spec in signature.outputs)
        self._only_name = self._names[0] if len(self._names) == 1 else None
        self._inputs = tuple((spec.name, spec.datatype == "BF16") for spec in signature.inputs)
        self.signature = signature
        self.parameters = parameters
        self.warmed_inline_rows: Mapping[Shapes, int] = {}
        self.padding: Padding | None = None

    @property
    def device(self) -> str:
        """The device by its torch name, as `cpu` or `cuda:0`."""
        return str(self._device)

    @property
    def threads(self) -> int:
        """The number of CPU threads of a run of the calling thread."""
        return torch.get_num_threads()

    def on_one_thread(self) -> AbstractContextManager[None]:
        """Runs of the calling thread take one thread of the CPU within the block, as on the event loop."""
        return one_thread()

    def interrupt(self) -> None:
        """Do nothing: torch cannot end a forward pass."""

    def coarsest_rounding(self, inputs: Tensors) -> float:
        """The largest relative rounding of any operation on these inputs, as machine epsilon; at least float32's."""
        return coarsest_rounding(lambda: self._outputs(inputs))

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
        batch = {spec.name: np.empty((rows, *shape), spec.dtype) for spec, shape in zip(specs, each, strict=True)}
        if self._device.type == "cuda":  # page-locked, so that copies to the device need not wait for the processor
            batch = {name: torch.from_numpy(tensor).pin_memory().numpy() for name, tensor in batch.items()}
        return batch

    def run(self, inputs: Tensors) -> Tensors:
        """Compute every output for every row.

        The module gets a copy of the inputs and its outputs are copied, so that nothing it keeps or writes into is
        memory of another run. On the CPU both copies of one row of 784 numbers take less than a microsecond.
        A batch that does not fit the device's memory is halved until it does; the device's cache is emptied in between.

        Raises:
            OutOfDeviceMemory: a single row does not fit.
            BundleError: with check `signature`, when the module gives other outputs than the signature names.
        """
        try:
            return {name: _owned(name, output) for name, output in self._outputs(inputs).items()}
        except torch.OutOfMemoryError:
            pass  # leave the handler first: the error's trace holds the tensors that filled the memory
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        rows = len(next(iter(inputs.values())))
        if rows == 1:
            raise OutOfDeviceMemory(f"one row does not fit the memory of {self._device}")
        halves = [
            self.run({name: tensor[part] for name, tensor in inputs.items()})
            for part in (slice(None, rows // 2), slice(rows // 2, None))
        ]
        return {name: np.concatenate([half[name] for half in halves]) for name in self._names}

    def _outputs(self, inputs: Tensors) -> Mapping[str, torch.Tensor]:
        """The outputs as the module gives them."""
        with _inference_mode(True):  # noqa: FBT003  # a C class that takes no name
            results = self._module(*[self._private(inputs[name], halve=halve) for name, halve in self._inputs])
        if self._only_name is not None and isinstance(results, torch.Tensor):
            return {self._only_name: results}
        return dict(zip(self._names, signature_outputs(results, self._names), strict=True))

    def _private(self, rows: NDArray[Any], *, halve: bool) -> torch.Tensor:
        """A copy of the rows on the device, which the module may keep and write into; `halve` makes bfloat16 of it."""
        if self._device.type != "cpu":
            tensor = torch.from_numpy(rows).to(self._device, non_blocking=True)
        elif not halve:
            return torch.from_numpy(rows.copy())
        else:
            tensor = torch.from_numpy(rows)
        return tensor.bfloat16() if halve else tensor


def _owned(name: str, result: torch.Tensor) -> NDArray[Any]:
    """A contiguous copy of an output: the module may keep the tensor and write into it at its next run.

    bfloat16, which numpy does not have, becomes float32, which has the same numbers.
    """
    try:
        return _as_numpy(result).copy()
    except TypeError:
        if result.dtype == torch.bfloat16:
            return result.float().numpy(force=True)
        raise BundleError(
            "signature", f"output '{name}' is {result.dtype}, which no signature can name; give another type"
        ) from None


def _as_numpy(result: torch.Tensor) -> NDArray[Any]:
    """The output as numpy, which shares its memory if it lies in that of the CPU as it is."""
    try:
        return result.numpy(force=not result.is_cpu)
    except RuntimeError:  # it has gradients, or is the conjugate or the negative of what lies in memory
        return result.numpy(force=True)
