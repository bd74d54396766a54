"""Makes the plan of a rollout from the release as it is, and refuses what cannot go well before anything is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from plimsoll.errors import OperatorError
from plimsoll.judge.rules import Rules
from plimsoll.rollout.helm import Release, Revision
from plimsoll.rollout.kubernetes import Objects
from plimsoll.rollout.naming import fullname
from plimsoll.rollout.plan import Mode, Plan
from plimsoll.rollout.release_values import Values, at, overlay, undoing
from plimsoll.rollout.workloads import deployment

DEFAULT_WEIGHTS = (5, 25, 50, 100)
_CHART = re.compile(r"(?P<name>.+?)-(?P<version>\d+\.\d+\.\d+.*)")
_ROUTE = "httproutes.gateway.networking.k8s.io"
_RIGHTS = (
    ("patch", "deployments.apps"),
    ("create", "configmaps"),
    ("update", "configmaps"),
    ("create", "leases.coordination.k8s.io"),
    ("update", "leases.coordination.k8s.io"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rollout as its user asks for it. `canary` has values below `canary`; an empty `mode` is chosen by the release.

    `weights` are percents that rise to 100. Times in seconds.
    """

    release: str
    namespace: str
    chart: str
    chart_version: str
    canary: Values
    prometheus: str
    mode: Mode | None = None
    weights: tuple[int, ...] = DEFAULT_WEIGHTS
    rules: Rules = Rules()  # noqa: RUF009  # frozen
    guards: tuple[str, ...] = ()
    interval_seconds: float = 15.0
    step_seconds: float = 3600.0
    committed: bool = False


def read_release(release: Release, name: str) -> tuple[str, int, Values]:
    """The full name, the newest revision and its values of a release.

    Raises:
        OperatorError: there is no such release, or it is not Plimsoll's.
    """
    last = release.history()[-1]
    values = release.values(last.number)
    found = _CHART.fullmatch(last.chart)
    if not isinstance(values.get("canary"), Mapping) or found is None:
        raise OperatorError(
            f"release {name} is of chart {last.chart or 'of no name'}, which has no canary; expected a release of the "
            "chart plimsoll"
        )
    return fullname(name, found["name"], values), last.number, values


def make_plan(wanted: Wanted, release: Release, objects: Objects) -> tuple[Plan, int]:
    """The plan, and the revision of the release that it begins from.

    Raises:
        OperatorError: the rollout cannot go well; says why and what to do.
    """
    name, revision, values = read_release(release, wanted.release)
    _check_release(wanted, release.history()[-1])
    mode = _mode(wanted, values)
    _check_canary(wanted, values)
    stable = deployment(objects, name, "stable")
    if stable is None or stable.available < 1:
        raise OperatorError(
            f"Deployment {name}-stable has no ready pod, so there is nothing to compare a canary with; see `kubectl "
            f"describe deployment {name}-stable`"
        )
    _check_rights(objects, mode, wanted.namespace)
    autoscaled = at(values, "autoscaling.engine", "none") != "none"
    own = _own_values(wanted.canary, values, autoscaled=autoscaled)
    promoted = _promoted(wanted.canary)
    touched = {"canary": own} | ({"autoscaling": {"minReplicas": 1}} if autoscaled else {})
    restored = overlay(undoing(values, touched), {"canary": _identity({})})
    plan = Plan(
        release=wanted.release,
        namespace=wanted.namespace,
        fullname=name,
        chart=wanted.chart,
        chart_version=wanted.chart_version,
        mode=mode,
        weights=tuple(weight for weight in wanted.weights if weight < 100),  # noqa: PLR2004  # percent
        stable_pods=stable.wanted,
        autoscaled=autoscaled,
        fewest_pods=int(at(wanted.canary, "replicas", 1)),
        canary=own,
        promoted=promoted,
        stable=undoing(values, promoted),
        restored=restored,
        prometheus=wanted.prometheus,
        rules=wanted.rules,
        guards=wanted.guards,
        interval_seconds=wanted.interval_seconds,
        settle_seconds=2 * wanted.interval_seconds,
        step_seconds=wanted.step_seconds,
        committed=wanted.committed,
    )
    return plan, revision


def check_numbers(weights: Sequence[int], interval_seconds: float, step_seconds: float) -> None:
    """Check what can be checked without a cluster.

    Raises:
        OperatorError: a number makes no sense; says which one is expected.
    """
    rising = all(before < after for before, after in pairwise(weights))
    if len(weights) < 2 or not rising or weights[0] < 1 or weights[-1] != 100:  # noqa: PLR2004  # percent
        raise OperatorError(
            f"--weights is {','.join(map(str, weights)) or 'empty'}; expected two or more percents that rise from 1 or "
            "more to 100, such as 5,25,50,100"
        )
    longest = step_seconds / 4
    if not 1 <= interval_seconds <= longest:
        raise OperatorError(
            f"--interval is {interval_seconds:g} s; expected 1 s to a quarter of --max-step-minutes, {longest:g} s"
        )


def _check_release(wanted: Wanted, last: Revision) -> None:
    if last.pending:
        raise OperatorError(
            f"release {wanted.release} is {last.status}: somebody upgrades it, or an upgrade was interrupted; wait, or "
            f"end it with `helm rollback {wanted.release}`"
        )
    if last.status != "deployed":
        raise OperatorError(
            f"the last upgrade of release {wanted.release} is {last.status}; repair the release first, so that stable "
            "is as its values say"
        )
    if last.chart != wanted.chart_version:
        raise OperatorError(
            f"release {wanted.release} is of chart {last.chart}, and {wanted.chart} is {wanted.chart_version}; upgrade "
            "the release to that chart first, or give the chart that it has"
        )


def _mode(wanted: Wanted, values: Values) -> Mode:
    routed = bool(at(values, "httpRoute.enabled", otherwise=False))
    mode: Mode = wanted.mode or ("gatewayAPI" if routed else "replicas")
    if mode == "gatewayAPI" and not routed:
        raise OperatorError(
            f"--mode gatewayAPI needs httpRoute.enabled in release {wanted.release}, because the HTTPRoute splits the "
            "requests; enable it first, or give --mode replicas"
        )
    scaled = at(values, "autoscaling.engine", "none")
    if mode == "replicas" and scaled != "none":
        raise OperatorError(
            f"release {wanted.release} has an autoscaler (autoscaling.engine is {scaled}), which would change the "
            "split of mode replicas; enable the HTTPRoute for mode gatewayAPI, or switch the autoscaler off "
            "(docs/autoscaling.md)"
        )
    return mode


def _check_canary(wanted: Wanted, values: Values) -> None:
    present = at(values, "canary.mode", "none")
    if present != "none":
        raise OperatorError(
            f"release {wanted.release} has a canary already (canary.mode is {present}), which no `plimsoll rollout` "
            "began; promote it or roll it back by the steps of docs/canary.md first"
        )
    version = at(wanted.canary, "model.version", "")
    image = [at(wanted.canary, f"image.{part}", "") for part in ("repository", "tag", "digest")]
    if not version and not any(image):
        raise OperatorError(
            "the canary has no model and no image of its own; give --model-version, --image-tag or --image-digest"
        )
    stable = [at(values, f"image.{part}", "") for part in ("repository", "tag", "digest")]
    own_image = any(given and given != had for given, had in zip(image, stable, strict=True))
    if version in ("", at(values, "model.version", "")) and not own_image:
        raise OperatorError(
            f"the canary would be the same as stable (model version {at(values, 'model.version', '')}); give another "
            "--model-version, --image-tag or --image-digest"
        )


def _check_rights(objects: Objects, mode: Mode, namespace: str) -> None:
    needed = [*_RIGHTS, *([("patch", _ROUTE)] if mode == "gatewayAPI" else [])]
    missing = [f"{verb} {kind}" for verb, kind in needed if not objects.may(verb, kind)]
    if missing:
        raise OperatorError(
            f"you may not {', '.join(missing)} in namespace {namespace}; ask for a Role with these rights, and with "
            "what `helm upgrade` needs"
        )


def _identity(given: Values) -> dict[str, Any]:
    """The values that make a canary another version; those that are not given are empty, so that none is left over."""
    return {
        "model": {
            "version": at(given, "model.version", ""),
            "configMap": {"name": at(given, "model.configMap.name", "")},
        },
        "image": {part: at(given, f"image.{part}", "") for part in ("repository", "tag", "digest")},
    }


def _own_values(given: Values, values: Values, *, autoscaled: bool) -> dict[str, Any]:
    most = {"maxReplicas": at(values, "autoscaling.maxReplicas", 5)} if autoscaled else {}
    return overlay(overlay(most, given), {**_identity(given), "mode": None, "weight": None}) | {
        "replicas": int(at(given, "replicas", 1))
    }


def _promoted(given: Values) -> dict[str, Any]:
    """The values of stable after the promotion. A tag or a digest of the canary replaces both of stable's."""
    promoted: dict[str, Any] = {}
    if at(given, "model.version"):
        promoted["model"] = {"version": given["model"]["version"]}
        if at(given, "model.configMap.name"):
            promoted["model"]["configMap"] = {"name": given["model"]["configMap"]["name"]}
    image: dict[str, Any] = {}
    if at(given, "image.repository"):
        image["repository"] = given["image"]["repository"]
    if at(given, "image.tag") or at(given, "image.digest"):
        image |= {"tag": at(given, "image.tag", ""), "digest": at(given, "image.digest", "")}
    return promoted | ({"image": image} if image else {})
