"""Selects the series of one release in a Prometheus, and explains why it has none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from plimsoll.errors import OperatorError
from plimsoll.quoting import quote
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.prometheus import Prometheus

Track = Literal["canary", "stable"]

PART = "plimsoll_part"
"""The label by which one query gives series of several kinds."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MOST_FULLNAME = 56
_CLUSTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,252}")
_MOST_KNOWN = 5


@dataclass(frozen=True, slots=True)
class ReleaseSeries:
    """Selects the series of a release: by the namespace and the Services of its tracks, which only the chart sets.

    `fullname` is the name of its Services without `-stable`; `cluster` the label of its cluster, if Prometheus knows
    more than one.

    Raises:
        OperatorError: a name is none that Kubernetes takes.
    """

    fullname: str
    namespace: str
    cluster: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.fullname) or len(self.fullname) > _MOST_FULLNAME:
            raise OperatorError(
                f"{quote(self.fullname)} is no name of a release: expected lower case letters, digits and -, "
                f"{_MOST_FULLNAME} at most, such as the name of its Services without -stable"
            )
        if not _NAME.fullmatch(self.namespace):
            raise OperatorError(
                f"{quote(self.namespace)} is no name of a namespace: expected lower case letters, digits and -, 63 at "
                "most"
            )
        if self.cluster and not _CLUSTER.fullmatch(self.cluster):
            raise OperatorError(
                f"{quote(self.cluster)} is no name of a cluster: expected a value of the label `cluster` in Prometheus"
            )

    def selector(self, *tracks: Track) -> str:
        """The matchers of these tracks, both if none is named."""
        of_tracks = "|".join(tracks) if tracks else "stable|canary"
        cluster = f', cluster="{self.cluster}"' if self.cluster else ""
        return f'namespace="{self.namespace}", service=~"{self.fullname}-({of_tracks})"{cluster}'

    def track(self, service: str) -> Track:
        """The track that a Service leads to."""
        return "canary" if service == f"{self.fullname}-canary" else "stable"


def parts(expressions: dict[str, str]) -> str:
    """One expression that gives the series of all, each with its name in the label `PART`."""
    return " or ".join(f'label_replace({expr}, "{PART}", "{name}", "", "")' for name, expr in expressions.items())


def require_one_cluster(prometheus: Prometheus, release: ReleaseSeries, clusters: Iterable[str]) -> None:
    """Refuse series of several clusters, since a release of the same name may be in each.

    Raises:
        HistoryUnavailable: there are several.
    """
    found = sorted(set(clusters))
    if len(found) > 1:
        names = ", ".join(each or "one without a name" for each in found[:_MOST_KNOWN])
        raise HistoryUnavailable(
            f"{prometheus.name} has release {release.fullname} in namespace {release.namespace} of {len(found)} "
            f"clusters ({names}); choose one by --cluster"
        )


def require_series(prometheus: Prometheus, release: ReleaseSeries) -> None:
    """Check that Prometheus scrapes the release now.

    Raises:
        HistoryUnavailable: it does not, or gives no answer; the message says what it knows in place of it.
    """
    by = "group by (cluster, namespace, service)"
    if ours := prometheus.ask(f"{by} (plimsoll_build_info{{{release.selector()}}})"):
        require_one_cluster(prometheus, release, (each.metric.get("cluster", "") for each in ours))
        return
    everything = prometheus.ask(f"{by} (plimsoll_build_info)")
    if not everything:
        raise HistoryUnavailable(
            f"{prometheus.name} has no series of Plimsoll now (plimsoll_build_info); check that it is the one of this "
            "cluster, and that it scrapes the pods (monitoring.podMonitor.enabled=true)"
        )
    known = sorted({_place(each.metric) for each in everything})
    more = f" and {len(known) - _MOST_KNOWN} more" if len(known) > _MOST_KNOWN else ""
    raise HistoryUnavailable(
        f"{prometheus.name} has no series of release {release.fullname} in namespace {release.namespace} now; it has "
        f"{', '.join(known[:_MOST_KNOWN])}{more}; check the names, which are those of Services without -stable, and "
        "that this is the Prometheus of this cluster"
    )


def _place(labels: dict[str, str]) -> str:
    service = re.sub(r"-(stable|canary)$", "", labels.get("service", ""))
    return f"{labels.get('namespace') or 'no namespace'}/{service or 'no service'}"
