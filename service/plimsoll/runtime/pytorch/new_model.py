"""A torch module with trained weights, of which a bundle is made."""

from __future__ import annotations

import inspect
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
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
from plimsoll.runtime.pytorch.module_outputs import named_outputs
from plimsoll.runtime.pytorch.weights_file import load_weights
from plimsoll.runtime.pytorch.weights_prefix import without_prefix
from plimsoll.runtime.pytorch.weights_reading import read_weights

WEIGHTS_FILE = "weights.safetensors"
_HALVES = {
    torch.float16: "save example.astype(numpy.float16)",
    torch.bfloat16: "numpy has no such type, so save example.bfloat16() in a file of safetensors",
}


class NewTorchModel:
    """Implements `NewModel`: a module of an architecture, with trained weights.

    The weights are the content of a safetensors file, or a file in any form that `read_weights` takes.

    The architecture is a registered one by name, or made by a `factory` `package.module:callable`, which is imported
    and called here. `output_names` names its outputs, see `named_outputs`. The inputs of `bfloat16` come as float32,
    and the module gets them as bfloat16.

    Raises:
        BundleError: with check `weights`, when the module cannot be built or the weights do not fit it.
    """

    input_names = None
    """`forward` takes its inputs by position."""
    open_dimensions: Mapping[str, Collection[int]] = {}
    """Only examples show which dimensions are open."""

    def __init__(
        self,
        weights: bytes | Path,
        parameters: Mapping[str, Any],
        *,
        architecture: str | None = None,
        factory: str | None = None,
        output_names: Sequence[str] = (),
        bfloat16: Collection[str] = (),
    ) -> None:
        self._output_names = output_names
        self._bfloat16 = bfloat16
        if factory is not None:
            self._module = build_with_factory(factory, parameters, [factory])
        else:
            self._module = build_architecture(architecture or "", parameters)
        content, self.notes = (weights, []) if isinstance(weights, bytes) else read_weights(weights)
        self.files = {WEIGHTS_FILE: self._fill(self._module, content)}
        self.record = {
            "format": "safetensors",
            "weights": WEIGHTS_FILE,
            **({"factory": factory} if factory else {"architecture": architecture}),
            "parameters": dict(parameters),
        }
        self.framework = {"name": "pytorch", "version": torch.__version__.partition("+")[0]}

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        """By the parameters of `forward` where these have the names; as they are otherwise.

        Raises:
            BundleError: with check `signature`, when `forward` has another parameter between them, which would get the
                input of the next one.
        """
        parameters = _parameters(self._module)
        if set(names) <= set(parameters):
            ordered = [parameter for parameter in parameters if parameter in names]
            if ordered != parameters[: len(ordered)]:
                missing = next(parameter for parameter in parameters if parameter not in names)
                raise BundleError(
                    "signature",
                    f"forward takes its inputs by position, ({', '.join(parameters[:8])}), and the example has no "
                    f"'{missing[:40]}'; give one, or let forward begin with the inputs that it gets",
                )
            reason = "of the parameters of forward"
        else:
            ordered, reason = list(names), "in which they are given"
        if len(ordered) > 1:
            self.notes.append(f"forward gets the inputs in the order {reason}: {', '.join(ordered)}")
        return ordered

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Run the module on copies of the inputs, in their order; see `NewModel.run`."""
        try:
            with foreign_code("weights", "the model cannot be run on the example"), torch.inference_mode():
                result = self._module.eval()(*(self._private(name, tensor) for name, tensor in inputs.items()))
        except BundleError as error:
            raise self._explained(error, inputs) from error
        with foreign_code("signature", f"the model gives the type {type(result).__name__}, which cannot be read"):
            outputs = named_outputs(result, self._output_names)
        return {name: self._array(name, output) for name, output in outputs.items()}

    def _private(self, name: str, example: NDArray[Any]) -> torch.Tensor:
        """A copy, which the module may write into."""
        tensor = torch.from_numpy(example.copy())
        return tensor.bfloat16() if name in self._bfloat16 else tensor

    def _array(self, name: str, output: torch.Tensor) -> NDArray[Any]:
        if output.dtype == torch.bfloat16:
            note = f"the model gives '{name}' as bfloat16, and the bundle gives the same numbers as FP32"
            self.notes += [note] if note not in self.notes else []
            output = output.float()
        with foreign_code("signature", f"the output '{name[:40]}' of the model cannot be read"):
            return np.array(output.numpy(force=True))

    def _explained(self, error: BundleError, inputs: Tensors) -> BundleError:
        """The same error, or one that says which datatype the weights have and an example has not."""
        half = {each.dtype for each in self._module.parameters() if each.is_floating_point()} & _HALVES.keys()
        wide = next(
            (name for name, each in inputs.items() if each.dtype == np.float32 and name not in self._bfloat16), None
        )
        if len(half) != 1 or wide is None:
            return error
        (datatype,) = half
        words = str(datatype).removeprefix("torch.")
        return BundleError(
            "weights",
            f"the model cannot be run on the example: its weights are {words}, and the example of '{wide[:40]}' is "
            f"float32; {_HALVES[datatype]}, or let forward begin with .to(torch.{words})",
            error.detail,
        )

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


def _parameters(module: nn.Module) -> list[str]:
    """The names of the parameters that `forward` takes by position; none where they cannot be read."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
