"""Checks that a user's own tests have something to count, before a canary gets requests."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.errors import OperatorError
from plimsoll.rollout.guards import Guard
from plimsoll.rollout.prometheus import Prometheus, QueryRefused
from plimsoll.rollout.prometheus_release import PART, ReleaseSeries, parts


def check_guards(prometheus: Prometheus, release: ReleaseSeries, guards: Sequence[Guard]) -> None:
    """Check that both counters of each guard have series of stable now; those of the canary come with it.

    Raises:
        OperatorError: one has none, so that its guard would never decide; or Prometheus refuses an expression.
        HistoryUnavailable: Prometheus gives no answer.
    """
    for guard in guards:
        expressions = guard.expressions("stable", release.fullname, release.namespace)
        try:
            found = {series.metric.get(PART) for series in prometheus.ask(parts(expressions))}
        except QueryRefused as error:
            raise OperatorError(
                f"{prometheus.name} refuses the expressions of the guard {guard.name}: {error.said}; correct its "
                "--guard"
            ) from None
        for kind, expression in expressions.items():
            if kind not in found:
                raise OperatorError(
                    f"the guard {guard.name} would never decide: {prometheus.name} has no series of stable now for "
                    f"its {kind}, {expression}; correct its --guard, or begin once stable has counted something"
                )
