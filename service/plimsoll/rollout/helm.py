"""The release, seen and changed through helm."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from plimsoll.errors import OperatorError
from plimsoll.rollout.programs import ProgramFailed, Programs
from plimsoll.rollout.release_values import Values, set_options

UPGRADE_SECONDS = 120.0
"""The longest time of one upgrade. It waits for no pod, because the driver does that itself and can be interrupted."""
_OLDEST = (3, 14)
_CONFLICT = "conflict occurred"
_CHART = re.compile(r"(.+?)-(\d+\.\d+\.\d+.*)")


class ReleaseUnavailable(OperatorError):
    """Helm cannot read or change the release; the sentence gives helm's reason."""


class UpgradeFailed(ReleaseUnavailable):
    """Helm could not make a revision: the chart, the API server or another manager of an object refused it."""

    @property
    def by_conflict(self) -> bool:
        """Whether another manager has written a field; only Helm 4 reports that, and it can insist."""
        return _CONFLICT in self.message


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release. `chart` is name and version, as plimsoll-0.4.0. `updated_seconds` are since 1970."""

    number: int
    status: str
    chart: str
    description: str
    updated_seconds: float

    @property
    def pending(self) -> bool:
        """Whether an upgrade or a rollback is under way, or was interrupted."""
        return self.status.startswith("pending")


class Release(Protocol):
    """One release. Every method raises `ReleaseUnavailable`."""

    @property
    def exclusive(self) -> bool:
        """Whether only the driver may make revisions; otherwise another tool makes what the driver asks for."""
        ...

    def history(self) -> tuple[Revision, ...]:
        """Its revisions, the oldest first; at least one."""
        ...

    def values(self, revision: int) -> Values:
        """All values of a revision, with the defaults of the chart."""
        ...

    def upgrade(self, changes: Values, *, insist: bool = False) -> None:
        """Make a revision with these changes; with `insist` also in fields that another manager has written since.

        Raises:
            UpgradeFailed: it is not made, or only a part of it.
        """
        ...

    def forget(self, revision: int) -> None:
        """Remove the record of a revision whose helm was ended before it was done."""
        ...


class HelmRelease:
    """A release that the driver upgrades itself, always with the same `version` of its chart."""

    exclusive = True

    def __init__(self, programs: Programs, name: str, namespace: str, chart: str = "", version: str = "") -> None:
        self._programs = programs
        self._name = name
        self._namespace = namespace
        self._chart = _reference(chart, version)

    def history(self) -> tuple[Revision, ...]:
        """As `Release.history`."""
        found = self._json("history", self._name, "--max=20")
        return tuple(_revision(each) for each in found)

    def values(self, revision: int) -> Values:
        """As `Release.values`."""
        found = self._json("get", "values", self._name, "--all", f"--revision={revision}")
        return found if isinstance(found, Mapping) else {}

    def upgrade(self, changes: Values, *, insist: bool = False) -> None:
        """As `Release.upgrade`."""
        options = [f"--timeout={UPGRADE_SECONDS:.0f}s", *(["--force-conflicts"] if insist else [])]
        try:
            self._helm(*self._upgrade(changes), *options, seconds=UPGRADE_SECONDS + 30)
        except ReleaseUnavailable as error:
            raise UpgradeFailed(error.message) from None

    def try_upgrade(self, changes: Values) -> None:
        """Have helm and the API server check the changes, and change nothing.

        Raises:
            ReleaseUnavailable: the chart or the API server refuses them, or helm cannot ask.
        """
        self._helm(*self._upgrade(changes), "--dry-run=server", seconds=UPGRADE_SECONDS)

    def command(self, changes: Values) -> str:
        """The command that a person would type."""
        return shlex.join(["helm", *self._upgrade(changes), f"--namespace={self._namespace}"])

    def forget(self, revision: int) -> None:
        """As `Release.forget`."""
        name = f"sh.helm.release.v1.{self._name}.v{revision}"
        try:
            self._programs.run(
                "kubectl", "delete", "secret", name, "--namespace", self._namespace, "--ignore-not-found"
            )
        except ProgramFailed as error:
            raise ReleaseUnavailable(
                f"an upgrade of {self._name} was interrupted and blocks others, and {error.message}; "
                f"remove it with `helm rollback {self._name}`"
            ) from None

    def _upgrade(self, changes: Values) -> list[str]:
        return ["upgrade", self._name, *self._chart, "--reset-then-reuse-values", *set_options(changes)]

    def _json(self, *arguments: str) -> Any:  # noqa: ANN401  # what helm prints
        try:
            return json.loads(self._helm(*arguments, "--output=json"))
        except ValueError:
            raise ReleaseUnavailable(f"helm {arguments[0]} did not print JSON; expected Helm 3.14 or later") from None

    def _helm(self, *arguments: str, seconds: float = 60.0) -> str:
        try:
            return self._programs.run("helm", *arguments, f"--namespace={self._namespace}", timeout_seconds=seconds)
        except ProgramFailed as error:
            raise ReleaseUnavailable(_reason(error, self._name, self._namespace)) from None


def check_helm(programs: Programs) -> None:
    """Check that helm knows what the driver asks of it.

    Raises:
        OperatorError: it is missing or too old.
    """
    printed = programs.run("helm", "version", "--template={{.Version}}")
    found = re.match(r"v?(\d+)\.(\d+)", printed.strip())
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        raise OperatorError(
            f"helm is {printed.strip() or 'of an unknown version'}, but --reset-then-reuse-values needs 3.14; "
            "install a later one"
        )


def split_chart(chart: str) -> tuple[str, str] | None:
    """Name and version in a text such as plimsoll-0.4.0."""
    found = _CHART.fullmatch(chart)
    return (found[1], found[2]) if found else None


def chart_version(programs: Programs, chart: str, version: str = "") -> str:
    """Name and version of a chart, as plimsoll-0.4.0; of this version if it is in a registry or a repository.

    Raises:
        OperatorError: there is no such chart.
    """
    try:
        described = yaml.safe_load(programs.run("helm", "show", "chart", *_reference(chart, version)))
        return f"{described['name']}-{described['version']}"
    except ProgramFailed as error:
        raise OperatorError(
            f"{chart} is not a chart: {error.message}; give the chart of the release as --chart"
        ) from None
    except (yaml.YAMLError, TypeError, KeyError):
        raise OperatorError(f"{chart} has no name and version in its Chart.yaml; give the chart as --chart") from None


def _reference(chart: str, version: str) -> list[str]:
    """The arguments that name a chart; a folder or an archive has one version and is asked for none."""
    return [chart, f"--version={version}"] if version and not Path(chart).exists() else [chart]


def _revision(found: Mapping[str, Any]) -> Revision:
    return Revision(
        number=int(found["revision"]),
        status=str(found["status"]),
        chart=str(found.get("chart", "")),
        description=str(found.get("description", "")),
        updated_seconds=_seconds(str(found.get("updated", ""))),
    )


def _seconds(written: str) -> float:
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError:
        return 0.0


def _reason(error: ProgramFailed, name: str, namespace: str) -> str:
    if "release: not found" in error.said:
        return (
            f"namespace {namespace} has no release {name}; `helm list --namespace {namespace}` shows those that it has"
        )
    if "forbidden" in error.said.lower():
        return (
            f"you have no right to do this: {error.message}; the rollout needs the rights that `helm upgrade` needs in "
            f"namespace {namespace}"
        )
    if _CONFLICT in error.message:
        return f"{error.message}; an upgrade with --force-conflicts takes the field back for helm (release {name})"
    return f"{error.message} (release {name} in namespace {namespace})"
