"""Asks a bundle that this process loads, without a server."""

from __future__ import annotations

import json
import time
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.bundle.golden_requests import predictions_of
from plimsoll.bundle.sample_request import sample_request
from plimsoll.cli.answering import Answer, Facts, Golden, Refused
from plimsoll.cli.time_limit import time_limit
from plimsoll.errors import ModelFailed, OperatorError, PlimsollError
from plimsoll.inference.ports import Model, Task
from plimsoll.settings import Settings
from plimsoll.tasks import TaskBinder


class _Proven(NamedTuple):
    model: Model
    task: Task
    samples: GoldenSamples


class BundleModel:
    """Implements `Answering`: a bundle, loaded and proven in this process when it is first asked."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._settings = settings
        self._bundle = open_bundle(folder)

    def facts(self, option: str) -> Facts:
        """See `Answering.facts`."""
        del option
        manifest = self._bundle.manifest
        labels = manifest.signature.outputs[0].labels or ()
        return Facts(manifest.name, manifest.version, manifest.task, manifest.options, labels, manifest.preprocessing)

    def facts_of(self, answer: Answer) -> Facts:
        """See `Answering.facts_of`."""
        del answer
        return self.facts("")

    def predict(self, body: Any) -> Answer:  # noqa: ANN401  # JSON
        """See `Answering.predict`."""
        model, task, _ = self._proven
        try:
            sent = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, allow_nan=False)
            content = sent.encode()
        except ValueError as error:
            raise OperatorError(f"the model cannot be asked for this: {error}") from None
        started = time.perf_counter()
        try:
            predictions = predictions_of(content, model, task)
        except PlimsollError as error:
            raise Refused(error.code, _sentence(error), error.index) from None
        manifest = self._bundle.manifest
        taken = round((time.perf_counter() - started) * 1000, 3)
        return {
            "model": manifest.name, "version": manifest.version, "latency_ms": taken, "predictions": predictions
        }  # fmt: skip

    def pinned(self, answer: Answer) -> BundleModel:
        """See `Answering.pinned`."""
        del answer
        return self

    def golden(self) -> tuple[Golden, Answer]:
        """See `Answering.golden`."""
        _, task, samples = self._proven
        found = sample_request(self._bundle, samples, task)
        if found is None:
            raise OperatorError("this bundle has no golden request, and no golden sample that is short enough")
        golden = self._bundle.manifest.golden
        body = found.body.decode(errors="replace")
        return (
            Golden(body, found.predictions, (golden.absolute_tolerance, golden.relative_tolerance)),
            self.predict(body),
        )

    @cached_property
    def _proven(self) -> _Proven:
        from plimsoll.runtime.loader_options import LoaderOptions
        from plimsoll.runtime.loading import new_loader
        from plimsoll.runtime.task_factories import TaskFactories

        chosen = self._settings
        options = LoaderOptions(chosen.device, trust_pt2=chosen.trust_pt2, factories=chosen.factories)
        loader = new_loader(options, max_batch_rows=chosen.max_batch_rows, inline_budget_seconds=0)
        self._bundle.verify_files()
        task = TaskBinder(TaskFactories(chosen.factories))(self._bundle).task
        model = loader.load(self._bundle)
        with time_limit(model, chosen.start_seconds):
            samples = loader.prove(self._bundle, model)
            loader.prove_requests(self._bundle, model, task)
        return _Proven(model, task, samples)


def _sentence(error: PlimsollError) -> str:
    extras = "".join(f"; {name}: {words}" for name in ("expected", "given") if (words := getattr(error, name)))
    cause = f": {error.__cause__}" if isinstance(error, ModelFailed) and error.__cause__ else ""
    return f"{error.code}: {error.message}{extras}{cause}"
