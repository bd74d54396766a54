"""The sentences of a verdict: each says what was found, in numbers, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Check

_WHOLE = 10
_MANY_TIMES = 5.0
_GO_ON = "Look at it, then go on or roll back."


@dataclass(frozen=True, slots=True)
class Seen:
    """The numbers that sentences give. The requests are those of the step, `answered` the canary's in the histogram.

    `needed` is `times_independent` as many as if all requests were independent.
    """

    rules: Rules
    weight_is_known: bool
    weight: float | None
    canary_requests: float
    stable_requests: float
    answered: float
    evidence: float
    needed: float | None
    times_independent: float

    @property
    def share(self) -> float | None:
        """The canary's part of the requests of the step; `None` if there were none."""
        both = self.canary_requests + self.stable_requests
        return self.canary_requests / both if both > 0 else None

    @property
    def threshold(self) -> float:
        """The evidence that decides."""
        return 1 / self.rules.alpha


def worse(check: Check, seen: Seen) -> str:
    """The canary has to go."""
    canary, stable = percent(check.canary), percent(check.stable)
    if check.name == "latency":
        found = f"The canary is slower: {canary} of its answers took longer than {check.worst} s, {stable} of stable's"
    elif check.name == "errors":
        found = f"The canary fails more often: {canary} of its requests failed, {stable} of stable's"
    else:
        found = f"The canary is worse by {check.name}: {canary} of its trials were bad, {stable} of stable's"
    return f"{found}; evidence {number(seen.evidence)}, and {number(seen.threshold)} decides. Roll back."


def differs(check: Check) -> str:
    """A difference on which a person has to decide."""
    return {"split": _off_split, "bucket": _perhaps_slower, "refused": _refuses_others}.get(check.name, _other_classes)(
        check
    )


def _off_split(check: Check) -> str:
    return (
        f"The canary got {percent(check.canary)} of the requests, and its weight is {percent(check.stable)}; so the "
        "tracks may not have had the same requests. Usual causes: requests that name a track or a version, a second "
        f"writer of the route, pods that are not ready. {_GO_ON}"
    )


def _perhaps_slower(check: Check) -> str:
    return (
        f"The canary may be slower: {percent(check.canary)} of its answers took longer than {check.worst} s, and "
        f"{percent(check.stable)} of stable's; evidence {number(check.evidence)}, and {number(check.threshold)} "
        "decides. The duration histogram cannot show by how much, because most answers of stable lie close together "
        f"in one bucket; serving.objectiveMs near the usual latency adds an edge. {_GO_ON}"
    )


def _refuses_others(check: Check) -> str:
    return (
        f"The canary refuses {percent(check.canary)} of the requests as wrong (4xx), and stable "
        f"{percent(check.stable)}; evidence {number(check.evidence)}, and {number(check.threshold)} decides. A version "
        f"may have other limits or inputs, and then its clients have to change. {_GO_ON}"
    )


def _other_classes(check: Check) -> str:
    return (
        f"The canary answers otherwise: class {check.worst} is {percent(check.canary)} of its predictions, and "
        f"{percent(check.stable)} of stable's; evidence {number(check.evidence)}, and {number(check.threshold)} "
        f"decides. A better model may differ. {_GO_ON}"
    )


def passed(seen: Seen) -> str:
    """The step has shown enough."""
    return (
        f"Nothing speaks against the canary. It answered {number(seen.answered)} requests in this step, and "
        f"{number(seen.needed or 0)} find {_as_bad(seen)} with a probability of {percent(seen.rules.power)}. "
        f"{_so_far(seen)}"
    )


def too_early(seen: Seen, speaking: Check | None) -> str:
    """More has to be counted, or cannot be."""
    if seen.share is None:
        return "Nothing was counted in this step yet. Wait; if it stays so, see whether Prometheus reads the pods."
    if not seen.canary_requests:
        cause = " because its weight is 0" if seen.weight == 0 else "; see whether its pods are ready"
        return f"The canary had no requests in this step{cause}."
    if not seen.stable_requests:
        cause = " because the weight is 100 %" if seen.weight == 1 else "; see whether its pods are ready"
        return f"Stable had no requests in this step{cause}, so there is nothing to compare the canary with."
    if seen.needed is None:
        return (
            "No number of requests can be given after which this step passes: too few answers of stable lie on both "
            f"sides of an edge of the duration histogram. {_so_far(seen)} Wait, or decide without it: go on or roll "
            "back."
        )
    if seen.answered < seen.needed:
        return (
            f"The canary answered {number(seen.answered)} requests in this step, and about {number(seen.needed)} are "
            f"needed to find {_as_bad(seen)}. {_why_so_many(seen)}{_so_far(seen)}"
        )
    speaks = f"{speaking.name} speaks" if speaking else "something speaks"
    return f"Enough was counted to pass, but {speaks} against the canary and does not decide yet. {_so_far(seen)}"


def _why_so_many(seen: Seen) -> str:
    if seen.times_independent < _MANY_TIMES:
        return ""
    return (
        f"That is {number(seen.times_independent)} times as many as if requests were independent: slow or failed ones "
        "come in clusters, or the pods of one track differ. If the number keeps growing, more requests do not help: "
        "give the canary more pods, or look at why they differ. "
    )


def _as_bad(seen: Seen) -> str:
    return f"one that is {percent(seen.rules.effect)} slower or fails {100 * seen.rules.failures:g} times more in 100"


def _so_far(seen: Seen) -> str:
    evidence = f"Evidence that it is worse: {number(seen.evidence)}, and {number(seen.threshold)} decides."
    if seen.weight_is_known:
        return evidence
    return (
        f"{evidence} The weight is not known: the canary gets {percent(seen.share or 0)} of the requests, and with "
        f"twice the margin {percent(seen.rules.margin)} slower or more often does not matter."
    )


def percent(share: float) -> str:
    """A share for people: 16.2 %, 0.509 %."""
    return f"{100 * share:.3g} %"


def number(value: float) -> str:
    """A number for people: 131, 0.62."""
    return f"{value:.0f}" if value >= _WHOLE else f"{value:.2g}"
