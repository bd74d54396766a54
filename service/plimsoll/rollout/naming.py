"""The names of the objects of a release and of its rollout."""

from __future__ import annotations

from plimsoll.rollout.release_values import Values, at

_LONGEST = 56


def fullname(release: str, chart: str, values: Values) -> str:
    """The name of the release's Service, as `plimsoll.fullname` of the chart makes it.

    Args:
        release: the name of the release.
        chart: the name of the chart, without a version.
        values: all values of the release.
    """
    name = at(values, "nameOverride") or chart
    made = release if name in release else f"{release}-{name}"
    return str(at(values, "fullnameOverride") or made)[:_LONGEST].removesuffix("-")


def rollout_name(full_name: str) -> str:
    """The name of the ConfigMap and of the Lease of a rollout."""
    return f"{full_name}-rollout"
