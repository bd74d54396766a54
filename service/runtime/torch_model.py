"""A torch module behind the line's `Model` port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from service.errors import BundleError
from service.inference.payloads import Signature, Tensors


class TorchModel:
    """Runs a module on one device. `inline_rows` is 0 until warm-up has measured it."""

    def __init__(self, module: Callable[..., Any], signature: Signature, device: torch.device, parameters: int) -> None:
        self._module = module
        self._device = device
        self._names = tuple(spec.name for spec in signature.outputs)
        self.signature = signature
        self.parameters = parameters
        self.inline_rows = 0

    @property
    def device(self) -> str:
        """The device by its torch name, as `cpu` or `cuda:0`."""
        return str(self._device)

    def new_batch(self, rows: int) -> dict[str, NDArray[Any]]:
        """Uninitialised input tensors of that many rows; a dimension of -1 beside the batch gets length 1."""
        return {
            spec.name: np.empty((rows, *(abs(length) for length in spec.shape[1:])), spec.dtype)
            for spec in self.signature.inputs
        }

    def run(self, inputs: Tensors) -> Tensors:
        """Compute every output for every row.

        Raises:
            BundleError: with check `signature`, when the module gives anything but as many tensors as the signature.
        """
        with torch.inference_mode():
            tensors = [torch.from_numpy(inputs[spec.name]).to(self._device) for spec in self.signature.inputs]
            results = self._module(*tensors)
        if isinstance(results, torch.Tensor):
            results = (results,)
        if not isinstance(results, tuple | list) or not all(isinstance(each, torch.Tensor) for each in results):
            raise BundleError("signature", f"the model gives {type(results).__name__}, and not one or several tensors")
        if len(results) != len(self._names):
            raise BundleError(
                "signature", f"the model gives {len(results)} outputs, the signature names {len(self._names)}"
            )
        return {name: result.cpu().numpy() for name, result in zip(self._names, results, strict=True)}
