"""From a bundle on disk to a model that has shown that it answers as its maker said."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, check_outputs, compare_golden, read_golden
from plimsoll.bundle.golden_requests import first_difference, predictions_of, read_requests
from plimsoll.bundle.installed_packages import fault_of_packages
from plimsoll.bundle.padding_options import padding_of_manifest
from plimsoll.errors import BundleError, ModelFailed
from plimsoll.inference.batch_limits import MAX_ELEMENTS
from plimsoll.inference.ports import Task
from plimsoll.runtime.foreign_code import foreign_code, words_of
from plimsoll.runtime.independence import check_independence
from plimsoll.runtime.loaded_model import LoadedModel
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.padding_proof import check_padding
from plimsoll.runtime.places import imported
from plimsoll.runtime.threads import limit_threads
from plimsoll.runtime.warmup import MOST_SECONDS, warm_up


class _Runtime(NamedTuple):
    """`loader` makes models of its bundles, as `package.module:class`; it needs the `package` of the `extra`."""

    loader: str
    package: str
    extra: str
    images: str


_TORCH = _Runtime("plimsoll.runtime.pytorch.loader:TorchLoader", "torch", "torch", "cpu or gpu")
_ONNX = _Runtime("plimsoll.runtime.onnx.loader:OnnxLoader", "onnxruntime", "onnx", "cpu, gpu or onnx")
_RUNTIMES: Mapping[str, _Runtime] = {"safetensors": _TORCH, "pt2": _TORCH, "onnx": _ONNX}
"""The runtime of each format of a bundle."""


class FormatLoader(Protocol):
    """Makes models of the bundles of one runtime."""

    def load(self, bundle: Bundle) -> LoadedModel:
        """The model of a bundle, not proven yet."""
        ...


class ModelLoader:
    """Loads, proves and warms bundles of every format. A runtime is imported when the first bundle needs it.

    `batch_sizes` are warmed, and those that run within `inline_budget_seconds` may run on the event loop. A batch of
    rows of open shapes has at most `max_batch_elements`, unless it is of one row. `warmup_seconds` bounds a warm-up.
    """

    def __init__(
        self,
        options: LoaderOptions,
        *,
        batch_sizes: Sequence[int],
        inline_budget_seconds: float,
        max_batch_elements: int = MAX_ELEMENTS,
        warmup_seconds: float = MOST_SECONDS,
    ) -> None:
        self._options = options
        self._batch_sizes = batch_sizes
        self._inline_budget_seconds = inline_budget_seconds
        self._max_batch_elements = max_batch_elements
        self._warmup_seconds = warmup_seconds
        self._loaders: dict[_Runtime, FormatLoader] = {}

    def load(self, bundle: Bundle) -> LoadedModel:
        """Make the model of a bundle, on the device. The model is not proven yet: `prove` does that.

        Raises:
            BundleError: with check `format`, `files`, `digest` or `weights`.
        """
        loader = self._loader_of(bundle.manifest.model.format)
        self._limit_threads()
        model = loader.load(bundle)
        model.padding = padding_of_manifest(bundle.manifest)
        return model

    def prove(self, bundle: Bundle, model: LoadedModel) -> GoldenSamples:
        """Run the golden samples of every length, together, among other rows and padded; returns them.

        Raises:
            BundleError: with check `digest`, `signature`, `golden`, `independence` or `padding`.
        """
        self._limit_threads()
        samples = read_golden(bundle)
        for each in samples.of_each_length:
            with foreign_code("golden", "the model fails on the golden samples"):
                outputs = model.run({name: tensor.copy() for name, tensor in each.inputs.items()})
            check_outputs(outputs, model.signature)
            compare_golden(bundle, each, outputs)
        for each in samples.of_each_length:
            check_independence(model, each, bundle.manifest.golden, max(self._batch_sizes))
            if model.padding is not None:
                check_padding(model, model.padding, each, bundle.manifest.golden)
        return samples

    def prove_requests(self, bundle: Bundle, model: LoadedModel, task: Task) -> int:
        """Ask the golden requests, by the task and the model together; returns how many there are.

        Raises:
            BundleError: with check `golden` for a request that is refused or answered otherwise; `files` or `digest`.
        """
        self._limit_threads()
        requests = read_requests(bundle)
        for index, request in enumerate(requests):
            given = self.answer_request(index, request.body, model, task)
            if fault := first_difference(bundle, request.predictions, given):
                raise BundleError("golden", f"golden request {index} does not match: {fault}")
        return len(requests)

    def answer_request(self, index: int, body: bytes, model: LoadedModel, task: Task) -> list[Any]:
        """The predictions of a golden request, which `index` names.

        Raises:
            BundleError: with check `golden`, when the body is refused, or the task or the model fails on it.
        """
        with foreign_code("golden", f"golden request {index} is not answered"):
            try:
                return predictions_of(body, model, task)
            except ModelFailed as error:
                cause = error.__cause__
                detail = "" if cause is None else f"{type(cause).__name__}: {words_of(cause)}"
                sentence = f"golden request {index} is not answered: {error.message}"
                raise BundleError("golden", sentence, detail) from error

    def warm(self, model: LoadedModel, samples: GoldenSamples) -> dict[int, float]:
        """Run the batch sizes on golden rows, as far as the time allows, and place the model; returns seconds by size.

        Raises:
            BundleError: with check `warm-up`, when a batch size fails.
        """
        self._limit_threads()
        budget, elements = self._inline_budget_seconds, self._max_batch_elements
        elements = min(elements, model.most_elements)
        return warm_up(model, samples.inputs, self._batch_sizes, budget, elements, self._warmup_seconds)

    def _loader_of(self, bundle_format: str) -> FormatLoader:
        runtime = _RUNTIMES[bundle_format]
        loader = self._loaders.get(runtime)
        if loader is None:
            user = f"a bundle of the format {bundle_format}"
            if fault := fault_of_packages(user, [runtime.package], runtime.extra, runtime.images):
                raise BundleError("format", fault)
            loader = self._loaders[runtime] = imported(runtime.loader)(self._options)
            gc.freeze()  # the modules live for ever, so that no collection needs to visit them; no bundle is loaded yet
        return loader

    def _limit_threads(self) -> None:
        if self._options.threads is not None:
            limit_threads(self._options.threads)
