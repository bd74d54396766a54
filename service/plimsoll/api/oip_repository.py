"""Triton's model repository extension: lists versions with their states, and loads and unloads models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from plimsoll.api.catalog import Catalog
from plimsoll.api.serving_state import ServingState
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state_file import DesiredStateFile
from plimsoll.control.version_registry import VersionRegistry, VersionState, VersionStatus
from plimsoll.errors import DeadlineExceeded, Draining, InvalidInput, LoadFailed, MalformedBody, NotFound
from plimsoll.quoting import quote

_LOOK_AGAIN_SECONDS, _CHECK_SECONDS = 0.02, 0.5
_READY, _UNAVAILABLE = "READY", "UNAVAILABLE"
_STATES = {
    VersionState.LOADING: "LOADING",
    VersionState.VERIFYING: "LOADING",
    VersionState.WARMING: "LOADING",
    VersionState.READY: _READY,
    VersionState.STUCK: _UNAVAILABLE,
    VersionState.DRAINING: "UNLOADING",
    VersionState.FAILED: _UNAVAILABLE,
}
_UNLOADED = "unloaded"
_LONGEST_REASON = 120
T = TypeVar("T")


class RepositoryVersion(BaseModel):
    """One version of a model; the state is one of Triton's."""

    name: str
    version: str
    state: str = Field(examples=["READY"])
    reason: str = Field("", description="Why it does not answer.")


class RepositoryModel(BaseModel):
    """A model that has been unloaded."""

    name: str
    state: str = _UNAVAILABLE
    reason: str = _UNLOADED


class _IndexBody(msgspec.Struct):
    ready: bool = False


class _Body(msgspec.Struct):
    parameters: dict[str, Any] = {}


class RepositoryIndex:
    """Lists the versions that are served or being loaded; with the folder of bundles, all others in it too."""

    def __init__(self, registry: VersionRegistry, catalog: Catalog, shelf: Shelf | None = None) -> None:
        self._registry = registry
        self._catalog = catalog
        self._shelf = shelf

    async def listed(self, request: Request) -> list[RepositoryVersion]:
        """All versions with their states; with `{"ready": true}` only those that answer."""
        only_ready = _parsed(await request.body(), _IndexBody).ready
        known = [self._entry(each) for each in self._registry.statuses()]
        if self._shelf is not None:
            names = {(each.name, each.version) for each in known}
            present = await run_in_threadpool(self._shelf.versions)
            known += [
                RepositoryVersion(name=name, version=version, state=_UNAVAILABLE, reason=_UNLOADED)
                for name, versions in present.items()
                for version in versions
                if (name, version) not in names
            ]
        return [each for each in known if each.state == _READY or not only_ready]

    def _entry(self, status: VersionStatus) -> RepositoryVersion:
        state, reason = self._catalog.state_of(status)
        answers_meanwhile = status.served is not None and state is status.state and _STATES[state] == "LOADING"
        return RepositoryVersion(
            name=status.name,
            version=status.version,
            state=_READY if answers_meanwhile else _STATES[state],
            reason=reason or "",
        )


class Repository:
    """Loads and unloads models through the desired state. Each answers once the change is in force, as Triton does.

    The wait lasts `longest_seconds` at most, and ends when the server stops; the change stays in the desired state. The
    wait for a load ends too when another client has unloaded the version.
    """

    def __init__(
        self,
        file: DesiredStateFile,
        registry: VersionRegistry,
        catalog: Catalog,
        state: ServingState,
        longest_seconds: float,
    ) -> None:
        self._file = file
        self._registry = registry
        self._catalog = catalog
        self._state = state
        self._longest_seconds = longest_seconds

    async def load(self, request: Request) -> RepositoryVersion:
        """Serve the highest version that has a bundle, or the parameter `version`; load it again if it is served."""
        name = request.path_params["name"]
        version = _version(_parsed(await request.body(), _Body).parameters)
        before = {each.version: self._registry.loads(name, each.version) for each in self._statuses(name)}
        chosen = await run_in_threadpool(self._file.renew, name, version)

        def loaded() -> bool:
            if self._registry.loads(name, chosen) <= before.get(chosen, 0):
                return False
            return any(each.version == chosen and self._is_settled(each) for each in self._statuses(name))

        await self._wait(
            loaded, f"version {chosen} of model '{name}' is not loaded yet", partial(self._require_wanted, name, chosen)
        )
        status = self._registry.status(name, chosen)
        state, reason = self._catalog.state_of(status)
        if reason is not None or state is not VersionState.READY:
            raise LoadFailed(f"version {chosen} of model '{name}' could not be loaded: {reason or state}")
        return RepositoryVersion(name=name, version=chosen, state=_READY)

    async def unload(self, request: Request) -> RepositoryModel:
        """Remove a model with all its versions; requests in flight are answered."""
        name = request.path_params["name"]
        _check_unload(_parsed(await request.body(), _Body).parameters)
        before = {each.version: self._registry.loads(name, each.version) for each in self._statuses(name)}
        await run_in_threadpool(self._file.unload, name)

        def gone() -> bool:
            """Whether no worker has a version that answers, unless another request has loaded one again since."""
            here = [each for each in self._statuses(name) if each.state is not VersionState.DRAINING]
            if here:
                return all(self._registry.loads(name, each.version) > before.get(each.version, 0) for each in here)
            return not self._catalog.others_have(name)

        await self._wait(gone, f"model '{name}' still answers")
        return RepositoryModel(name=name)

    def _statuses(self, name: str) -> list[VersionStatus]:
        return [each for each in self._registry.statuses() if each.name == name]

    def _is_settled(self, status: VersionStatus) -> bool:
        """Whether no worker loads it any more, or one has failed."""
        return _STATES[self._catalog.state_of(status)[0]] != "LOADING"

    def _require_wanted(self, name: str, version: str) -> None:
        if not self._file.wants(name, version):
            raise NotFound(
                f"version {version} of model '{name}' was unloaded by another client before it was loaded",
                code="version_not_found",
            )

    async def _wait(self, done: Callable[[], bool], late: str, check: Callable[[], None] | None = None) -> None:
        """Wait until it is done; `check` reads the desired state twice a second, and raises to end the wait."""
        loop = asyncio.get_running_loop()
        check_at = loop.time() + _CHECK_SECONDS
        try:
            async with asyncio.timeout(self._longest_seconds):
                while not done():
                    if self._state.stopping:
                        raise Draining(f"this server is stopping, and {late}; the desired state has the change")
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                    if check is not None and loop.time() >= check_at:
                        await run_in_threadpool(check)
                        check_at = loop.time() + _CHECK_SECONDS
        except TimeoutError:
            raise DeadlineExceeded(
                f"{late} after {self._longest_seconds:g} s; the desired state has the change, and "
                "/v2/repository/index shows when it is in force"
            ) from None


def _parsed(body: bytes, form: type[T]) -> T:
    """The document of a body; an empty body is an empty object."""
    try:
        return msgspec.json.decode(body.strip() or b"{}", type=form)
    except msgspec.ValidationError as error:
        raise InvalidInput("the body is of the wrong form", given=str(error)[:_LONGEST_REASON]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedBody("the body is not JSON", expected="an object, or no body") from None


def _version(parameters: dict[str, Any]) -> str | None:
    """The version that the parameters of a load name, if they do."""
    for name, value in parameters.items():
        if name == "config" or name.startswith("file:"):
            raise InvalidInput(
                "a model's configuration and files come from its bundle, not from a request",
                expected="no parameter but version",
            )
        if name != "version":
            raise InvalidInput(f"unknown parameter {quote(name, 32)}", expected="no parameter but version")
        if not isinstance(value, str):
            raise InvalidInput("the parameter version is not a text", expected='a version such as "2"')
    return parameters.get("version")


def _check_unload(parameters: dict[str, Any]) -> None:
    """Refuse what is no parameter of an unload; no model depends on another one here."""
    for name, value in parameters.items():
        if name != "unload_dependents":
            raise InvalidInput(f"unknown parameter {quote(name, 32)}", expected="no parameter but unload_dependents")
        if not isinstance(value, bool):
            raise InvalidInput("the parameter unload_dependents is neither true nor false")
