"""Makes, proves and measures the candidates of one bundle, and chooses the fastest that has kept its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, read_golden
from plimsoll.bundle.next_version import next_fields
from plimsoll.errors import BundleError, PlimsollError
from plimsoll.inference.ports import Task
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.loaded_model import LoadedModel
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.tuning.candidates import Candidate, Form, Maker, fastest
from plimsoll.runtime.tuning.evaluation import Evaluation, Loss, compare, largest_difference
from plimsoll.runtime.tuning.turns import measure_by_turns

PRESENT = "present bundle"
NOT_PACKED = "PyTorch, weights not packed"
_ROWS_OF_RUN = 64


class Rule(NamedTuple):
    """The answers that a candidate must keep, and the batches by which it is measured.

    `allowed_loss` is a share; without it every answer must lie within the golden tolerance.
    """

    allowed_loss: float | None
    sizes: Sequence[int]
    turns: int


class Progress(NamedTuple):
    """Hears what a tuning does next, and how many turns of the measurement are done, of how many."""

    step: Callable[[str], None] = lambda _sentence: None
    turn: Callable[[int, int], None] = lambda _done, _all: None


class Tuning(NamedTuple):
    """The candidates, the present bundle first, and the one to keep; `None` if the present bundle is the fastest."""

    candidates: Sequence[Candidate]
    chosen: Candidate | None


@dataclass(frozen=True)
class Tuner:
    """Tunes a bundle: `loader` loads and proves as a server does, and `plain_loader` does so without packed weights.

    `evaluation` is `None` where there are no rows but the golden ones. The drafts of bundles are in `folder`.
    """

    bundle: Bundle
    version: str
    task: Task
    loader: ModelLoader
    plain_loader: ModelLoader | None
    evaluation: Evaluation | None
    rule: Rule
    folder: Path
    progress: Progress

    def run(self, makers: Sequence[Maker]) -> Tuning:
        """Make every candidate and measure those that could be made.

        Raises:
            BundleError: the present bundle fails a check of a server.
        """
        self.progress.step(f"checking {self.bundle.manifest.name} {self.bundle.manifest.version}")
        present = self._present()
        candidates = [present]
        if self.plain_loader is not None:
            candidates.append(self._plain(self.plain_loader))
        for maker in makers:
            self.progress.step(f"making {maker.name}")
            candidates.append(self._made(maker, present))
        loaded = {each.name: each.model for each in candidates if each.model is not None}
        self.progress.step(f"measuring {len(loaded)} models by turns")
        turns = measure_by_turns(loaded, self._rows().inputs, self.rule.sizes, self.rule.turns, self.progress.turn)
        for each in candidates:
            each.note_turns(turns.get(each.name, {}), turns[PRESENT])
        return Tuning(candidates, fastest(candidates))

    def _rows(self) -> Evaluation:
        """The rows of the evaluation, or else the golden ones."""
        return self.evaluation or Evaluation(read_golden(self.bundle).inputs)

    def _present(self) -> Candidate:
        model = self._proven(self.bundle, self.loader)
        found = Candidate(PRESENT, "present", model=model)
        answers = self._answers(found)
        found.comparison = compare(self._rows(), answers, answers, self.bundle.manifest.golden)
        return found

    def _plain(self, loader: ModelLoader) -> Candidate:
        """The model without packed weights, to show what packing gains: a server packs by itself."""
        reason = "a server packs the weights when it loads them"
        return Candidate(NOT_PACKED, "comparison", reason, self._proven(self.bundle, loader))

    def _proven(self, bundle: Bundle, loader: ModelLoader) -> LoadedModel:
        model = loader.load(bundle)
        loader.warm(model, loader.prove(bundle, model))
        loader.prove_requests(bundle, model, self.task)
        return model

    def _made(self, maker: Maker, present: Candidate) -> Candidate:
        found = Candidate(maker.name, "left out")
        try:
            form = maker.make()
            self.progress.step(f"checking {maker.name}")
            self._prove(found, form)
            self._judge(found, present)
        except PlimsollError as error:
            found.reason = str(error)
            found.standing = "left out" if found.model is None else "refused"
        return found

    def _prove(self, found: Candidate, form: Form) -> None:
        """Check a form as a server would. Where its answers are others, its golden samples expect those."""
        files, samples = self._files(form), read_golden(self.bundle)
        draft = write_bundle(self.folder / found.name, self._fields(form), files)
        model = self.loader.load(draft)
        with foreign_code("golden", "it fails on the golden samples"):
            own = _answered(model, samples)
        found.model = model
        found.golden_difference = max(
            largest_difference(before.outputs, after.outputs)
            for before, after in zip(samples.of_each_length, own.of_each_length, strict=True)
        )
        try:
            self.loader.prove(draft, model)
        except BundleError as error:
            if error.check != "golden" or not np.isfinite(found.golden_difference):
                raise
            found.rounded = True
            files[self.bundle.manifest.golden.file] = own.pack()
            draft = write_bundle(self.folder / f"{found.name}, own answers", self._fields(form), files)
            self.loader.prove(draft, model)
        self.loader.warm(model, samples)
        found.draft = draft

    def _judge(self, found: Candidate, present: Candidate) -> None:
        """Decide whether a candidate that passes the checks has kept its answers."""
        before, after = self._answers(present), self._answers(found)
        found.comparison = compare(self._rows(), before, after, self.bundle.manifest.golden)
        found.rounded |= not found.comparison.within
        if found.rounded:
            found.reason = self._fault_of_loss(found.comparison.difference, found.comparison.loss, before)
        elif found.draft is not None and found.model is not None:
            self.loader.prove_requests(found.draft, found.model, self.task)
        found.standing = "refused" if found.reason else "fit"

    def _fault_of_loss(  # noqa: PLR0911  # a reason each
        self, difference: float, loss: Loss | None, before: Mapping[str, NDArray[Any]]
    ) -> str:
        """The reason against a candidate whose answers are not within the golden tolerance; empty if there is none."""
        allowed, truth = self.rule.allowed_loss, self._rows().truth
        if not np.isfinite(difference):
            return "it answers with numbers that are not finite"
        off = f"its answers are off by up to {difference:.2g}, more than the golden tolerance"
        if loss is None or truth is None:
            return f"{off}; a loss can be allowed only with the right answers of the rows (--evaluate and --allow-loss)"
        if allowed is None:
            return f"{off}, and no loss of {truth.measure} is allowed (--allow-loss)"
        if self.bundle.manifest.golden.requests is not None:
            return f"{off}, and the golden requests of the bundle expect the present ones"
        if fault := truth.fault(before):
            return f"{off}; {fault}"
        if loss.most > allowed:
            more = "; more rows could show that it loses less" if loss.value <= allowed else ""
            return (
                f"{truth.lost.format(f'{loss.value:.2%}')}, and up to {loss.most:.2%} with 95 % confidence; "
                f"{allowed:.2%} is allowed{more}"
            )
        return ""

    def _answers(self, candidate: Candidate) -> dict[str, NDArray[Any]]:
        """The answers to the rows; empty for a candidate that could not be loaded."""
        if candidate.model is None:
            return {}
        with foreign_code("golden", "it fails on the rows of the evaluation"):
            return self._rows().answers(candidate.model, _ROWS_OF_RUN)

    def _fields(self, form: Form) -> dict[str, Any]:
        return next_fields(self.bundle, self.version, form.model, form.schema)

    def _files(self, form: Form) -> dict[str, bytes]:
        """The files of the bundle, with those of the form in place of the model's."""
        manifest = self.bundle.manifest
        kept = {name: self.bundle.read(name) for name in manifest.files if name != manifest.model.file}
        return {**kept, **form.files}


def _answered(model: LoadedModel, samples: GoldenSamples) -> GoldenSamples:
    """The samples of every length with the answers of a model."""
    first, *others = (
        GoldenSamples(each.inputs, model.run({name: tensor.copy() for name, tensor in each.inputs.items()}))
        for each in samples.of_each_length
    )
    return GoldenSamples(first.inputs, first.outputs, tuple(others))
