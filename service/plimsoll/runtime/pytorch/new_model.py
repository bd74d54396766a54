"""A torch module with trained weights, of which a bundle is made."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from plimsoll.bundle.checked_file import CheckedFile
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.pytorch.module_building import build_architecture, build_with_factory
from plimsoll.runtime.pytorch.weights_file import load_weights
from plimsoll.runtime.pytorch.weights_prefix import without_prefix

WEIGHTS_FILE = "weights.safetensors"


class NewTorchModel:
    """Implements `NewModel`: a module of an architecture, with weights of a safetensors file.

    The architecture is a registered one by name, or made by a `factory` `package.module:callable`, which is imported
    and called here.

    Raises:
        BundleError: with check `weights`, when the module cannot be built or the weights do not fit it.
    """

    input_names = None
    """`forward` takes its inputs by position."""

    def __init__(
        self,
        weights: bytes,
        parameters: Mapping[str, Any],
        *,
        architecture: str | None = None,
        factory: str | None = None,
        output_name: str = "output",
    ) -> None:
        self.notes: list[str] = []
        self._output_name = output_name
        if factory is not None:
            self._module = build_with_factory(factory, parameters, [factory])
        else:
            self._module = build_architecture(architecture or "", parameters)
        self.files = {WEIGHTS_FILE: self._fill(self._module, weights)}
        self.record = {
            "format": "safetensors",
            "weights": WEIGHTS_FILE,
            **({"factory": factory} if factory else {"architecture": architecture}),
            "parameters": dict(parameters),
        }
        self.framework = {"name": "pytorch", "version": torch.__version__.partition("+")[0]}

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        """As they are."""
        return names

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Run the module on copies of the inputs, in their order; see `NewModel.run`."""
        with foreign_code("weights", "the model cannot be run on the example"), torch.inference_mode():
            tensors = [torch.from_numpy(tensor.copy()) for tensor in inputs.values()]  # a model may write into them
            result = self._module.eval()(*tensors)
        if not isinstance(result, torch.Tensor):
            with foreign_code("signature", f"the model gives the type {type(result).__name__}, which cannot be read"):
                described = _described(result)
            raise BundleError("signature", f"the model gives {described}; a bundle made here has one output, a tensor")
        if result.dtype == torch.bfloat16:
            raise BundleError(
                "signature", "the model gives bfloat16, which no signature can express; let it end with .float()"
            )
        with foreign_code("signature", "the answers of the model cannot be read"):
            return {self._output_name: np.array(result.numpy(force=True))}

    def _fill(self, module: nn.Module, weights: bytes) -> bytes:
        """Read the weights into the module; returns them as they were read, without the prefix of a wrapper."""
        with foreign_code("weights", "the names of the model's weights cannot be read"):
            wanted = set(module.state_dict())
        weights, prefix = without_prefix(weights, wanted)
        if prefix:
            self.notes.append(
                f"'{prefix}' was taken off the names of the weights; a wrapper of the module had put it there"
            )
        load_weights(module, CheckedFile(io.BytesIO(weights), len(weights)), "the file of weights")
        return weights


def _described(result: object) -> str:
    """Describe in a few words an output of a model that is not a tensor."""
    if isinstance(result, Mapping):
        names = ", ".join(f"'{str(name)[:40]}'" for name in list(result)[:5])
        return f"the type {type(result).__name__} with {names or 'nothing in it'}"
    if isinstance(result, tuple | list):
        return f"the type {type(result).__name__} of length {len(result)}"
    return f"the type {type(result).__name__}"
