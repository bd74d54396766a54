"""Makes a torch model of a bundle: safetensors weights in an architecture, or a program of torch.export."""

from __future__ import annotations

import io
from collections.abc import Collection

import torch
from torch import nn

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.model_formats import Pt2Model, SafetensorsModel
from plimsoll.errors import BundleError
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.pytorch.bfloat16 import compute_in_bfloat16
from plimsoll.runtime.pytorch.devices import resolve_device
from plimsoll.runtime.pytorch.direct_layers import make_direct
from plimsoll.runtime.pytorch.module_building import build_architecture, build_with_factory
from plimsoll.runtime.pytorch.packed_linear import pack_weights
from plimsoll.runtime.pytorch.shared_state import shared_state_kept
from plimsoll.runtime.pytorch.torch_model import TorchModel
from plimsoll.runtime.pytorch.weights_file import load_weights


def filled_module(bundle: Bundle, described: SafetensorsModel, factories: Collection[str]) -> nn.Module:
    """Build the module of a bundle and read its weights; of the factories that bundles name, only these are called.

    Raises:
        BundleError: with check `format`, `files`, `digest` or `weights`.
    """
    if described.factory is not None:
        module = build_with_factory(described.factory, described.parameters, factories)
    else:
        module = build_architecture(described.architecture or "", described.parameters)
    with bundle.open_checked(described.weights) as file:
        load_weights(module, file, described.weights)
    return module


class TorchLoader:
    """Loads bundles onto one device.

    Raises:
        DeviceError: this machine does not have the device.
    """

    def __init__(self, options: LoaderOptions) -> None:
        self._device = resolve_device(options.device)
        self._trust_pt2 = options.trust_pt2
        self._factories = options.factories
        self._packs = options.packs_weights

    def load(self, bundle: Bundle) -> TorchModel:
        """Read the weights into a model on the device.

        Raises:
            BundleError: with check `format`, `files`, `digest` or `weights`.
        """
        described = bundle.manifest.model
        if isinstance(described, SafetensorsModel):
            return self._load_safetensors(bundle, described)
        if isinstance(described, Pt2Model):
            return self._load_pt2(bundle, described)
        raise BundleError("format", f"PyTorch runs no bundle of the format {described.format}")

    def _load_safetensors(self, bundle: Bundle, described: SafetensorsModel) -> TorchModel:
        module = filled_module(bundle, described, self._factories)
        with foreign_code("weights", "the model cannot be moved to its device"):
            module.requires_grad_(requires_grad=False).eval().to(self._device)
            parameters = sum(tensor.numel() for tensor in module.parameters())
            if described.precision is not None:
                compute_in_bfloat16(module)
            elif self._packs:
                module = pack_weights(module)
            call = make_direct(module)
        return TorchModel(call, bundle.manifest.line_signature(), self._device, parameters)

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
