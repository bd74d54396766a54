"""Changes the desired state on disk; whoever watches the file makes it so."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml
from pydantic import ValidationError

from service.control.desired_state import DesiredModel, DesiredState, DesiredVersion, read_desired_state
from service.errors import DesiredStateNotWritable, InvalidInput, NotFound, quote

_HELM = "on a cluster change it by `helm upgrade --set model.version=...`"


class DesiredStateFile:
    """The one writer of a desired state. Several processes may use it at once; a lock beside the file orders them."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def load(self, model: str, version: str, *, force: bool = False) -> DesiredState:
        """Add a version, with weight 0 where the model's versions have weights; one that is there stays as it is.

        Every change raises:
            DesiredStateNotWritable: no file is set, or it cannot be replaced.
            NotFound: there is no such model or version to change.
            InvalidInput: the state would not be valid.
        """

        def change(state: DesiredState) -> DesiredState:
            models = {each.name: each for each in state.models}
            old = models.get(model)
            versions = list(old.versions) if old else []
            if all(each.version != version for each in versions):
                weight = 0 if old is not None and old.weighted else None
                versions.append(DesiredVersion(version=version, weight=weight, force=force))
            limits = {"limits": old.limits} if old else {}
            models[model] = DesiredModel(name=model, versions=versions, **limits)
            return DesiredState(models=list(models.values()))

        return self._change(change)

    def unload(self, model: str, version: str) -> DesiredState:
        """Take a version out, and the model with its last one; see `load` for the errors."""

        def change(state: DesiredState) -> DesiredState:
            self._require(state, model, version)
            models = []
            for each in state.models:
                kept = [one for one in each.versions if (each.name, one.version) != (model, version)]
                if kept:
                    models.append(DesiredModel(name=each.name, versions=kept, limits=each.limits))
            return DesiredState(models=models)

        return self._change(change)

    def reload(self, model: str, version: str) -> DesiredState:
        """Have a version loaded anew, by raising its generation; see `load` for the errors."""
        return self._change_versions(
            model,
            lambda each: each.model_copy(update={"generation": each.generation + (each.version == version)}),
            version,
        )

    def weigh(self, model: str, weights: Mapping[str, int]) -> DesiredState:
        """Split a model's requests, in percent by version, all of them named; see `load` for the errors."""
        return self._change_versions(
            model, lambda each: each.model_copy(update={"weight": weights.get(each.version)}), *weights
        )

    def _change_versions(
        self, model: str, change_one: Callable[[DesiredVersion], DesiredVersion], *versions: str
    ) -> DesiredState:
        def change(state: DesiredState) -> DesiredState:
            for version in versions:
                self._require(state, model, version)
            return DesiredState(
                models=[
                    DesiredModel(
                        name=each.name, versions=[change_one(one) for one in each.versions], limits=each.limits
                    )
                    if each.name == model
                    else each
                    for each in state.models
                ]
            )

        return self._change(change)

    def _change(self, change: Callable[[DesiredState], DesiredState]) -> DesiredState:
        if self._file is None:
            raise DesiredStateNotWritable(
                "this server follows no desired state; start it with PLIMSOLL_DESIRED_STATE naming a file"
            )
        try:
            with self._locked(self._file):
                try:
                    state = change(read_desired_state(self._file))
                except ValidationError as error:
                    faults = (fault["msg"].removeprefix("Value error, ") for fault in error.errors(include_url=False))
                    raise InvalidInput("; ".join(faults)) from None
                self._replace(self._file, state)
                return state
        except OSError as error:
            raise DesiredStateNotWritable(
                f"the desired state {self._file.name} cannot be written: {error.strerror}; {_HELM}"
            ) from None

    @staticmethod
    def _require(state: DesiredState, model: str, version: str) -> None:
        known = {each.name: [one.version for one in each.versions] for each in state.models}
        if model not in known:
            raise NotFound(f"no model {quote(model)} is desired", code="model_not_found", expected=", ".join(known))
        if version not in known[model]:
            raise NotFound(
                f"no version {quote(version)} of model {quote(model)} is desired",
                code="version_not_found",
                expected=", ".join(known[model]),
            )

    @staticmethod
    @contextmanager
    def _locked(file: Path) -> Iterator[None]:
        with file.with_name(f".{file.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @staticmethod
    def _replace(file: Path, state: DesiredState) -> None:
        document = yaml.safe_dump(state.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
        handle, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "w") as stream:
                stream.write(document)
                stream.flush()
                os.fsync(stream.fileno())
            Path(draft).chmod(file.stat().st_mode)
            Path(draft).replace(file)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
