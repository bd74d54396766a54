"""Changes the desired state on disk. Every worker follows the file and applies it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import (
    NO_RULES,
    DesiredModel,
    DesiredState,
    DesiredVersion,
    StateRules,
    desired_state_file,
    parse_desired_state,
)
from plimsoll.control.exclusive_file import HELM, ExclusiveFile
from plimsoll.errors import BundleError, DesiredStateError, DesiredStateNotWritable, InvalidInput, NotFound
from plimsoll.quoting import quote
from plimsoll.validation_faults import sentence_of

_log = logging.getLogger(__name__)


class DesiredStateFile:
    """Writes a desired state. Several processes may use it at once; a lock serialises them.

    Before it replaces the file, it validates the new document with the parser that every worker uses. Each method
    blocks for up to about a second; call it in a thread.
    """

    def __init__(self, path: Path, shelf: Shelf, rules: StateRules = NO_RULES) -> None:
        self._file = desired_state_file(path)
        self._exclusive = ExclusiveFile(path, self._file.name)
        self._shelf = shelf
        self._rules = rules

    def renew(self, model: str, version: str | None = None) -> str:
        """Add a version, or load it again if it is desired; by default the highest that has a bundle. Returns it.

        Every worker loads it, even one that has not yet noticed that it was unloaded. See `load` for the errors.
        """
        chosen = self._highest(model) if version is None else version

        def change(state: DesiredState) -> DesiredState:
            desired = {(each.name, one.version) for each in state.models for one in each.versions}
            if (model, chosen) in desired:
                return self._reloaded(state, model, chosen)
            return self._added(state, model, chosen, generation=_new_generation())

        self._change(f"load {model} {chosen}", change)
        return chosen

    def load(self, model: str, version: str, *, force: bool = False) -> DesiredState:
        """Add a version, with weight 0 if the model's versions have weights; an existing version does not change.

        Every change raises:
            DesiredStateNotWritable: the file cannot be read or replaced, or the chart manages it.
            NotFound: there is no such model, version or bundle.
            InvalidInput: the new state would not be valid.
        """
        return self._change(f"load {model} {version}", lambda state: self._added(state, model, version, force=force))

    def wants(self, model: str, version: str) -> bool:
        """Whether the desired state on disk has a version; true as well while it cannot be read."""
        try:
            state = self._parse(self._file.read())
        except (OSError, DesiredStateError):
            return True
        return any(each.name == model and any(one.version == version for one in each.versions) for each in state.models)

    def unload(self, model: str, version: str | None = None) -> DesiredState:
        """Remove a version, or all; the model goes with its last version. See `load` for the errors."""

        def change(state: DesiredState) -> DesiredState:
            self._require(state, model, *([] if version is None else [version]))
            models = []
            for each in state.models:
                kept = [one for one in each.versions if each.name != model or version not in (None, one.version)]
                if kept:
                    models.append(DesiredModel(name=each.name, versions=kept, limits=each.limits))
            return DesiredState(models=models)

        return self._change(f"unload {model} {version or 'with all versions'}", change)

    def reload(self, model: str, version: str) -> DesiredState:
        """Raise the generation of a version, so that it is loaded again from disk; see `load` for the errors."""
        return self._change(f"reload {model} {version}", lambda state: self._reloaded(state, model, version))

    def weigh(self, model: str, weights: Mapping[str, int]) -> DesiredState:
        """Set the weights of all versions of a model, in percent; see `load` for the errors."""
        if not self._rules.may_split:
            raise DesiredStateNotWritable(
                "PLIMSOLL_TRACK is set: on a cluster the chart splits requests, between pods of one version each; "
                "change the split by `helm upgrade`"
            )

        def change(state: DesiredState) -> DesiredState:
            self._require(state, model, *weights)
            for version, weight in weights.items():
                if weight:
                    self._require_bundle(model, version)
            return _with_versions(state, model, lambda each: {"weight": weights.get(each.version)})

        return self._change(f"weigh {model} {dict(weights)}", change)

    def _added(
        self, state: DesiredState, model: str, version: str, *, force: bool = False, generation: int = 0
    ) -> DesiredState:
        models = {each.name: each for each in state.models}
        old = models.get(model)
        versions = list(old.versions) if old else []
        if all(each.version != version for each in versions):
            weight = 0 if old is not None and old.weighted else None
            versions.append(DesiredVersion(version=version, weight=weight, generation=generation, force=force))
        limits = {"limits": old.limits} if old else {}
        models[model] = DesiredModel(name=model, versions=versions, **limits)
        self._require_bundle(model, version)
        return DesiredState(models=list(models.values()))

    def _reloaded(self, state: DesiredState, model: str, version: str) -> DesiredState:
        self._require(state, model, version)
        self._require_bundle(model, version)
        return _with_versions(
            state, model, lambda each: {"generation": each.generation + 1} if each.version == version else {}
        )

    def _highest(self, model: str) -> str:
        present = self._shelf.versions()
        if model not in present:
            raise NotFound(
                f"there is no bundle of model {quote(model)}", code="model_not_found", expected=_one_of(present)
            )
        return present[model][-1]

    def _change(self, what: str, change: Callable[[DesiredState], DesiredState]) -> DesiredState:
        try:
            with self._exclusive.locked():
                state = self._changed(change)
                document = _document(state)
                try:
                    if self._parse(document) != state:
                        raise InvalidInput("the desired state would not be read back as it was written")
                except DesiredStateError as error:
                    raise InvalidInput(f"the change would break the desired state: {error.message}") from None
                self._exclusive.replace(document)
        except OSError as error:
            raise DesiredStateNotWritable(f"{self._file.name} cannot be written: {error.strerror}; {HELM}") from None
        _log.info("desired state changed: %s", what)
        return state

    def _changed(self, change: Callable[[DesiredState], DesiredState]) -> DesiredState:
        try:
            return change(self._parse(self._file.read()))
        except DesiredStateError as error:
            raise DesiredStateNotWritable(
                f"nothing is changed, because what is there cannot be used: {error.message}"
            ) from None
        except ValidationError as error:
            raise InvalidInput(sentence_of(error)) from None

    def _parse(self, document: bytes) -> DesiredState:
        return parse_desired_state(self._file, document, self._rules)

    def _require_bundle(self, model: str, version: str) -> None:
        present = self._shelf.versions()
        if version not in present.get(model, []):
            raise NotFound(
                f"there is no bundle of model {quote(model)} version {quote(version)}",
                code="version_not_found" if model in present else "model_not_found",
                expected=_one_of(present.get(model, present)),
            )
        try:
            self._shelf.open(model, version)
        except BundleError as error:
            raise InvalidInput(f"the bundle of {model} {version} cannot be served: {error.message}") from None

    @staticmethod
    def _require(state: DesiredState, model: str, *versions: str) -> None:
        known = {each.name: [one.version for one in each.versions] for each in state.models}
        if model not in known:
            raise NotFound(f"no model {quote(model)} is desired", code="model_not_found", expected=", ".join(known))
        for version in versions:
            if version not in known[model]:
                raise NotFound(
                    f"no version {quote(version)} of model {quote(model)} is desired",
                    code="version_not_found",
                    expected=", ".join(known[model]),
                )


def _new_generation() -> int:
    """A generation that the version has not had: the time, in milliseconds since 1970.

    Workers look at the file twice a second. One that has missed an unload would take a version that comes back in its
    old generation for one that never left.
    """
    return time.time_ns() // 1_000_000


def _one_of(present: Iterable[str]) -> str:
    return ", ".join(present) or "a bundle in the folder of models, which has none"


def _with_versions(
    state: DesiredState, model: str, changes: Callable[[DesiredVersion], dict[str, int | None]]
) -> DesiredState:
    """The state with these fields changed in the versions of one model; validated, unlike a `model_copy`."""
    return DesiredState(
        models=[
            DesiredModel(
                name=each.name,
                versions=[DesiredVersion(**{**dict(one), **changes(one)}) for one in each.versions],
                limits=each.limits,
            )
            if each.name == model
            else each
            for each in state.models
        ]
    )


def _document(state: DesiredState) -> bytes:
    plain = state.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(plain, sort_keys=False).encode()
