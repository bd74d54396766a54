"""The state of every version that should serve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.bundle.manifest import Manifest
from service.bundle.shelf import version_order
from service.control.routing_table import RoutingTable
from service.errors import NotFound
from service.inference.ports import ServedVersion


class VersionState(StrEnum):
    """What a version is doing. Only `ready` takes requests; `failed` stays until it is loaded anew."""

    LOADING = "loading"
    VERIFYING = "verifying"
    WARMING = "warming"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading a version found out."""

    manifest: Manifest
    digest: str
    device: str
    parameters: int
    loaded_at: datetime
    load_seconds: float
    warmup_seconds: float
    batch_seconds: dict[int, float]


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version at one moment. `reason` says why it failed; `served` and `report` are there once it is ready."""

    name: str
    version: str
    state: VersionState
    reason: str | None = None
    report: LoadReport | None = None
    served: ServedVersion | None = None


class VersionRegistry:
    """Holds a status for every announced version and the routing table that follows from them.

    Implements the line's `VersionSelector`. Changed from the event loop only; `table` is replaced whole at each change.
    """

    def __init__(self, default_model: str | None = None) -> None:
        self._default_model = default_model
        self._statuses: dict[tuple[str, str], VersionStatus] = {}
        self.table = RoutingTable()

    def announce(self, name: str, version: str) -> None:
        """A version will be loaded; it is visible as loading from now on."""
        self._put(VersionStatus(name, version, VersionState.LOADING))

    def advance(self, name: str, version: str, state: VersionState) -> None:
        """A version has come a step further on its way to ready."""
        self._put(replace(self._statuses[name, version], state=state))

    def ready(self, served: ServedVersion, report: LoadReport) -> None:
        """A version takes requests from now on."""
        self._put(VersionStatus(served.name, served.version, VersionState.READY, report=report, served=served))

    def fail(self, name: str, version: str, reason: str) -> None:
        """A version will not become ready; `reason` is a sentence fit for clients."""
        self._put(VersionStatus(name, version, VersionState.FAILED, reason=reason))

    def statuses(self) -> list[VersionStatus]:
        """Every version, by name and then rising version."""
        return sorted(self._statuses.values(), key=lambda status: (status.name, version_order(status.version)))

    def status(self, name: str, version: str) -> VersionStatus:
        """The status of an announced version; a `KeyError` for any other."""
        return self._statuses[name, version]

    @property
    def all_ready(self) -> bool:
        """Whether at least one version was announced and every announced one is ready."""
        return bool(self._statuses) and all(status.state is VersionState.READY for status in self._statuses.values())

    def select(self, name: str | None, version: str | None) -> ServedVersion:
        """The version that answers; see `RoutingTable.select`, and `default_name` for a request without a name."""
        return self.table.select(self.default_name() if name is None else name, version)

    def default_name(self) -> str:
        """The model of requests that name none: the default of the settings, or the only one.

        Raises:
            NotFound: several are known and no default is set, or none is known; the message lists them.
        """
        if self._default_model is not None:
            return self._default_model
        names = list(self.table.known)
        if len(names) == 1:
            return names[0]
        raise NotFound(
            "/v1/predict needs exactly one loaded model or PLIMSOLL_DEFAULT_MODEL; "
            "POST to /v1/models/{name}/predict instead",
            code="model_not_found",
            expected="a name out of: " + (", ".join(names) or "none is loaded"),
        )

    def _put(self, status: VersionStatus) -> None:
        self._statuses[status.name, status.version] = status
        self.table = RoutingTable.of(
            self._statuses, (each.served for each in self._statuses.values() if each.served is not None)
        )
