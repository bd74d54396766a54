"""From a bundle on disk to a model that has shown that it answers as its maker said."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from service.bundle.folder import Bundle
from service.bundle.golden import check_outputs, compare_golden, read_golden
from service.bundle.manifest import Pt2Model, SafetensorsModel
from service.errors import BundleError
from service.runtime.architectures import build_architecture, build_with_factory
from service.runtime.packed_linear import pack_weights
from service.runtime.torch_model import TorchModel
from service.runtime.warmup import warm_up


class ModelLoader:
    """Loads bundles onto one device.

    `trust_pt2` allows programs of torch.export, whose loader unpickles. `batch_sizes` are warmed, and those that run
    within `inline_budget_seconds` may run on the event loop. Of the factories that bundles name, only those in
    `factories` are called.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        trust_pt2: bool,
        batch_sizes: Sequence[int],
        inline_budget_seconds: float,
        factories: Collection[str] = (),
    ) -> None:
        self._device = device
        self._trust_pt2 = trust_pt2
        self._factories = frozenset(factories)
        self._batch_sizes = batch_sizes
        self._inline_budget_seconds = inline_budget_seconds

    def load(self, bundle: Bundle) -> TorchModel:
        """Read the weights into a model on the device. The model is not proven yet: `prove` does that.

        Raises:
            BundleError: with check `format`, `files`, `digest` or `weights`.
        """
        described = bundle.manifest.model
        if isinstance(described, Pt2Model):
            return self._load_pt2(bundle, described)
        return self._load_safetensors(bundle, described)

    def prove(self, bundle: Bundle, model: TorchModel) -> None:
        """Run the golden samples.

        Raises:
            BundleError: with check `digest`, `signature` or `golden`.
        """
        samples = read_golden(bundle)
        try:
            outputs = model.run(samples.inputs)
        except BundleError:
            raise
        except Exception as error:  # noqa: BLE001  # a model is foreign code and may raise anything
            raise BundleError("golden", f"the model fails on the golden samples: {_first_line(error)}") from None
        check_outputs(outputs, model.signature)
        compare_golden(bundle, samples, outputs)

    def warm(self, model: TorchModel) -> dict[int, float]:
        """Run every batch size and place the model; returns seconds by batch size.

        Raises:
            BundleError: with check `warm-up`, when a batch size fails.
        """
        try:
            return warm_up(model, self._batch_sizes, self._inline_budget_seconds)
        except Exception as error:  # noqa: BLE001  # a model is foreign code and may raise anything
            raise BundleError("warm-up", f"the model fails on some batch size: {_first_line(error)}") from None

    def _load_safetensors(self, bundle: Bundle, described: SafetensorsModel) -> TorchModel:
        if described.factory is not None:
            maker = described.factory
            module = build_with_factory(maker, described.parameters, self._factories)
        else:
            maker = described.architecture or ""
            module = build_architecture(maker, described.parameters)
        try:
            module.load_state_dict(load_tensors(bundle.read(described.weights)), strict=True)
        except (SafetensorError, KeyError) as error:  # KeyError: a datatype that torch does not have
            raise BundleError("weights", f"{described.weights} is not a safetensors file: {error}") from None
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise BundleError(
                "weights", f"{described.weights} does not fit the architecture '{maker}': {reason}"
            ) from None
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
        try:
            program = torch.export.load(io.BytesIO(bundle.read(described.program)))
            module = program.module().to(self._device)
        except BundleError:
            raise
        except Exception as error:  # noqa: BLE001  # the program is foreign code, and a broken one raises anything
            raise BundleError("weights", f"{described.program} cannot be loaded: {_first_line(error)}") from None
        parameters = sum(tensor.numel() for tensor in program.parameters())
        return TorchModel(module, bundle.manifest.line_signature(), self._device, parameters)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
