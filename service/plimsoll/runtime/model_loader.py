"""From a bundle on disk to a model that has shown that it answers as its maker said."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence

import torch

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, check_outputs, compare_golden, read_golden
from plimsoll.bundle.manifest import Pt2Model, SafetensorsModel
from plimsoll.errors import BundleError
from plimsoll.runtime.devices import limit_threads
from plimsoll.runtime.foreign_code import foreign_code, shared_state_kept
from plimsoll.runtime.independence import check_independence
from plimsoll.runtime.module_building import build_architecture, build_with_factory
from plimsoll.runtime.packed_linear import pack_weights
from plimsoll.runtime.torch_model import TorchModel
from plimsoll.runtime.warmup import warm_up
from plimsoll.runtime.weights_file import load_weights


class ModelLoader:
    """Loads bundles onto one device.

    `trust_pt2` allows programs of torch.export, whose loader unpickles. `batch_sizes` are warmed, and those that run
    within `inline_budget_seconds` may run on the event loop. Of the factories that bundles name, only those in
    `factories` are called. To load, prove and warm a model takes `threads` threads of the CPU; without a number as many
    as torch takes by itself.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        trust_pt2: bool,
        batch_sizes: Sequence[int],
        inline_budget_seconds: float,
        factories: Collection[str] = (),
        threads: int | None = None,
    ) -> None:
        self._device = device
        self._trust_pt2 = trust_pt2
        self._factories = frozenset(factories)
        self._batch_sizes = batch_sizes
        self._inline_budget_seconds = inline_budget_seconds
        self._threads = torch.get_num_threads() if threads is None else threads

    def load(self, bundle: Bundle) -> TorchModel:
        """Read the weights into a model on the device. The model is not proven yet: `prove` does that.

        Raises:
            BundleError: with check `format`, `files`, `digest` or `weights`.
        """
        limit_threads(self._threads)
        described = bundle.manifest.model
        if isinstance(described, Pt2Model):
            return self._load_pt2(bundle, described)
        return self._load_safetensors(bundle, described)

    def prove(self, bundle: Bundle, model: TorchModel) -> GoldenSamples:
        """Run the golden samples, together and among other rows; returns them.

        Raises:
            BundleError: with check `digest`, `signature`, `golden` or `independence`.
        """
        limit_threads(self._threads)
        samples = read_golden(bundle)
        with foreign_code("golden", "the model fails on the golden samples"):
            outputs = model.run({name: tensor.copy() for name, tensor in samples.inputs.items()})
        check_outputs(outputs, model.signature)
        compare_golden(bundle, samples, outputs)
        check_independence(model, samples, bundle.manifest.golden, max(self._batch_sizes))
        return samples

    def warm(self, model: TorchModel, samples: GoldenSamples) -> dict[int, float]:
        """Run every batch size on golden rows and place the model; returns seconds by batch size.

        Raises:
            BundleError: with check `warm-up`, when a batch size fails.
        """
        limit_threads(self._threads)
        return warm_up(model, samples.inputs, self._batch_sizes, self._inline_budget_seconds)

    def _load_safetensors(self, bundle: Bundle, described: SafetensorsModel) -> TorchModel:
        if described.factory is not None:
            module = build_with_factory(described.factory, described.parameters, self._factories)
        else:
            module = build_architecture(described.architecture or "", described.parameters)
        with bundle.open_checked(described.weights) as file:
            load_weights(module, file, described.weights)
        with foreign_code("weights", "the model cannot be moved to its device"):
            module.requires_grad_(requires_grad=False).eval().to(self._device)
            parameters = sum(tensor.numel() for tensor in module.parameters())
            module = pack_weights(module)
        return TorchModel(module, bundle.manifest.line_signature(), self._device, parameters)

    def _load_pt2(self, bundle: Bundle, described: Pt2Model) -> TorchModel:
        if not self._trust_pt2:
            raise BundleError(
                "format",
                f"{described.program} is a .pt2 program, and opening one can run code from it; it was left unopened. "
                "Ship safetensors weights, or set PLIMSOLL_TRUST_PT2=true if you trust whoever made this file",
            )
        content = bundle.read(described.program)
        with shared_state_kept(), foreign_code("weights", f"{described.program} cannot be loaded"):
            program = torch.export.load(io.BytesIO(content))
            module = program.module().to(self._device)
            parameters = sum(tensor.numel() for tensor in program.parameters())
        return TorchModel(module, bundle.manifest.line_signature(), self._device, parameters)
