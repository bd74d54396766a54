"""The state of every version that serves, loads, or drains."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from plimsoll.bundle.manifest import Manifest
from plimsoll.bundle.sample_request import SampleRequest
from plimsoll.bundle.shelf import version_order
from plimsoll.control.desired_state import DesiredState
from plimsoll.control.routing_table import RoutingTable, routes_of
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.served_version import ServedVersion

_log = logging.getLogger(__name__)


class VersionState(StrEnum):
    """The states of a version, in order; after the last one the registry forgets it.

    A version stays `failed` until the next attempt to load it, and is `stuck` while its forward pass does not return.
    """

    LOADING = "loading"
    VERIFYING = "verifying"
    WARMING = "warming"
    READY = "ready"
    STUCK = "stuck"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The facts about a loaded version."""

    manifest: Manifest
    digest: str
    device: str
    parameters: int
    inline_rows: int
    loaded_at: datetime
    load_seconds: float
    warmup_seconds: float
    batch_seconds: Mapping[int, float]
    example: Tensors = field(default_factory=dict, compare=False, repr=False)
    """An example row, from its first golden sample: the inputs by name, without the batch dimension."""
    sample: SampleRequest | None = field(default=None, compare=False, repr=False)
    """A request with the predictions that are expected."""


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version at one moment.

    `served` and `report` are set once it answers, and stay set while it is loaded again. `reason` says why the last
    attempt to load it failed; a version that answered before still answers, unless it is `stuck`.
    """

    name: str
    version: str
    state: VersionState
    reason: str | None = None
    report: LoadReport | None = None
    served: ServedVersion | None = None
    stuck: bool = False

    @property
    def lack(self) -> str:
        """The reason why it does not serve, as a sentence for clients."""
        return f"{self.name} {self.version}: {self.reason or self.state}"


def own_state(status: VersionStatus) -> tuple[VersionState, str | None]:
    """The state of a version in this process, with its reason."""
    return status.state, status.reason


class VersionRegistry:
    """Holds the status of every version, and the routing table made from the statuses and the desired weights.

    Implements the line's `VersionSelector`. Change it on the event loop only; each change replaces `table` by a new one
    and calls `on_change`. With `all_must_serve` a failed version keeps the server unready; otherwise another version
    that serves is enough.
    """

    def __init__(
        self,
        default_model: str | None = None,
        track: str | None = None,
        on_change: Callable[[list[VersionStatus]], None] = lambda _: None,
        *,
        all_must_serve: bool = False,
    ) -> None:
        self._all_must_serve = all_must_serve
        self._on_change = on_change
        self._statuses: dict[tuple[str, str], VersionStatus] = {}
        self._weights: dict[str, dict[str, int | None]] = {}
        self._complete_once = False
        self._have_served: set[str] = set()
        self._loads: Counter[tuple[str, str]] = Counter()
        self.table = RoutingTable(default_model=default_model, track=track, nothing_yet="nothing is loaded yet")
        self._desired_error: str | None = None
        self.remarks: list[str] = []
        """Sentences for clients about folders that are not served, although the operator may expect it."""

    @property
    def desired_error(self) -> str | None:
        """The reason why the newest desired state cannot be read, while the previous one is in force."""
        return self._desired_error

    def keep(self, error: str) -> None:
        """Note that the newest desired state cannot be read, and that the previous one stays in force."""
        self._desired_error = error
        if self.table.nothing_yet is not None:
            self.table = replace(self.table, nothing_yet=error)

    def desire(self, desired: DesiredState) -> None:
        """Use the weights of this desired state from now on, and show its new versions as loading."""
        self._desired_error = None
        self._weights = {model.name: {each.version: each.weight for each in model.versions} for model in desired.models}
        for name, versions in self._weights.items():
            for version in versions:
                status = self._statuses.get((name, version))
                if status is None or status.state is VersionState.DRAINING:
                    self._statuses[name, version] = VersionStatus(name, version, VersionState.LOADING)
        self._route()

    def remark(self, sentences: list[str]) -> None:
        """Replace the remarks on folders that are not served, although the operator may expect it."""
        for sentence in sentences:
            _log.warning(sentence)
        self.remarks = sentences

    def advance(self, name: str, version: str, state: VersionState) -> None:
        """Set the state of a version that loads; one that is loaded again keeps answering."""
        self._put(replace(self._statuses[name, version], state=state))

    def ready(self, served: ServedVersion, report: LoadReport) -> None:
        """Let a version answer from now on, and replace the previous load of the same version."""
        self._loads[served.name, served.version] += 1
        self._have_served.add(served.name)
        self._put(VersionStatus(served.name, served.version, VersionState.READY, report=report, served=served))

    def fail(self, name: str, version: str, reason: str) -> None:
        """Note that an attempt to load a version has failed; `reason` is a sentence for clients."""
        self._loads[name, version] += 1
        status = self._statuses[name, version]
        self._put(
            replace(status, state=VersionState.FAILED if status.served is None else _at_rest(status), reason=reason)
        )

    def stick(self, served: ServedVersion, *, stuck: bool) -> None:
        """Set whether a version is stuck; a stuck one takes no requests. Ignores a version that has been replaced."""
        status = self._statuses.get((served.name, served.version))
        if status is None or status.served is not served:
            self._on_change(self.statuses())  # observers that saw it stuck get the current states
            return
        changed = replace(status, stuck=stuck)
        self._put(replace(changed, state=_at_rest(changed)) if status.state is _at_rest(status) else changed)

    def retire(self, name: str, version: str) -> None:
        """Route no new requests to a version from now on."""
        self._put(replace(self._statuses[name, version], state=VersionState.DRAINING))

    def forget(self, name: str, version: str) -> None:
        """Remove a version."""
        del self._statuses[name, version]
        self._route()

    def statuses(self) -> list[VersionStatus]:
        """Every version, by name and then by ascending version."""
        return sorted(self._statuses.values(), key=lambda status: (status.name, version_order(status.version)))

    def answering(self) -> list[VersionStatus]:
        """The versions that answer requests, in the same order."""
        return [status for status in self.statuses() if _answers(status)]

    def status(self, name: str, version: str) -> VersionStatus:
        """The status of one version; raises `KeyError` if it is not known."""
        return self._statuses[name, version]

    def likeliest(self, name: str | None, pin: str | None = None) -> tuple[ServedVersion, LoadReport]:
        """The version that describes a model, and its report; see `RoutingTable.likeliest`, also for the errors."""
        served = self.table.likeliest(name, pin)
        report = self._statuses[served.name, served.version].report
        assert report is not None  # noqa: S101  # it answers
        return served, report

    def loads(self, name: str, version: str) -> int:
        """The number of attempts to load a version that have ended, well or not."""
        return self._loads[name, version]

    def weight(self, name: str, version: str) -> int | None:
        """The desired weight of a version, or `None` if it has none."""
        return self._weights.get(name, {}).get(version)

    def missing(self) -> list[VersionStatus]:
        """The versions that keep the server from being ready; empty if it is ready.

        At first every desired version has to be ready. Unless all must serve, it may also have failed while another
        desired version serves. From then on each model that has served needs only one version that answers, because a
        server must not leave its load balancer when a new version loads or fails. A stuck version counts as missing if
        no other desired version answers.
        """
        lacking = self._unserved()
        if self._complete_once:
            serving = {status.name for status in self._statuses.values() if _answers(status)}
            lacking = [status for status in lacking if status.name not in serving]
            if serving & set(self._weights):
                lacking = [status for status in lacking if status.name in self._have_served]
        return lacking

    def failed_from_the_start(self) -> list[str]:
        """A sentence for each failed version, if the server has never been ready because of them."""
        if self._complete_once:
            return []
        return [status.lack for status in self.missing() if status.state is VersionState.FAILED]

    @property
    def empty(self) -> bool:
        """Whether no version is desired."""
        return not self._weights

    def _unserved(self) -> list[VersionStatus]:
        """The desired versions that do not answer, without those that are allowed to be failed or stuck."""
        desired = [self._statuses[name, version] for name, versions in self._weights.items() for version in versions]
        unserved = [status for status in desired if status.served is None or status.stuck]
        if not any(_answers(each) and each.name in self._weights for each in self._statuses.values()):
            return unserved
        return [
            status
            for status in unserved
            if not status.stuck and (self._all_must_serve or status.state is not VersionState.FAILED)
        ]

    def _put(self, status: VersionStatus) -> None:
        self._statuses[status.name, status.version] = status
        self._route()

    def _route(self) -> None:
        names = dict.fromkeys([*self._weights, *(name for name, _ in self._statuses)])
        models = {}
        for name in names:
            mine = [status for status in self._statuses.values() if status.name == name]
            known = [each.version for each in mine if each.state is not VersionState.DRAINING]
            ready = [each.served for each in mine if _answers(each) and each.served is not None]
            failed = frozenset(each.version for each in mine if each.state is VersionState.FAILED)
            stuck = frozenset(each.version for each in mine if each.stuck)
            if known:
                models[name] = routes_of(known, ready, self._weights.get(name, {}), failed, stuck)
        self.table = replace(self.table, models=models, nothing_yet=None)
        if self._weights and not self._unserved():
            self._complete_once = True
        self._on_change(self.statuses())


def _answers(status: VersionStatus) -> bool:
    return status.served is not None and status.state is not VersionState.DRAINING and not status.stuck


def _at_rest(status: VersionStatus) -> VersionState:
    """The state of a version that is loaded and does not load again."""
    return VersionState.STUCK if status.stuck else VersionState.READY
