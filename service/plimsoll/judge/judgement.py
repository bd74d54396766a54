"""Judges a canary by what it and stable have done since the rollout began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from plimsoll.judge import checks, coverage, sentences
from plimsoll.judge.checks import Answers
from plimsoll.judge.counts import Interval, usable
from plimsoll.judge.dispersion import dispersion
from plimsoll.judge.forecast import Expected, forecast
from plimsoll.judge.rules import Rules
from plimsoll.judge.sentences import Seen
from plimsoll.judge.verdict import Check, Result, Verdict

_SPEAKS = 1.1
"""A step does not pass while a check has more evidence than this. 1 is none; a canary like stable falls below it soon,
and one that is somewhat worse is on its way up."""


def judge(intervals: Sequence[Interval], step_start_seconds: float, rules: Rules) -> Verdict:
    """The verdict on the canary. Its promises hold however often one asks.

    Evidence of all intervals counts towards a failure. A canary that is worse fails, before a difference that a person
    has to look at is reported; only without either the step can pass, and only if each comparison that applies had data
    of both tracks in this step. A slowdown that the histogram is too coarse to prove holds a step only once this has as
    many answers as it needs to pass: until then another edge may still prove it.

    Args:
        intervals: all since the rollout began. One with a number that is negative or not finite is left out.
        step_start_seconds: the time from which the present step counts, in seconds since 1970.
        rules: an interval without a weight makes them those of `Rules.between_pods`.
    """
    counted = usable(intervals)
    rules = rules.between_pods() if any(each.weight is None for each in counted) else rules
    step = tuple(each for each in counted if each.start_seconds >= step_start_seconds)
    answered = checks.answers(counted)
    fatal = checks.that_can_fail(counted, answered, rules)
    holding = (
        checks.split(step),
        checks.bucket(counted, answered, rules),
        checks.refused(counted, rules),
        checks.classes(counted, rules),
    )
    other = [each for each in holding if each is not None]
    seen = _seen(counted, step, answered, rules, fatal)
    result, reason = _decide(seen, fatal, other, coverage.gap(step, rules))
    return Verdict(
        result=result,
        reason=reason,
        evidence=seen.evidence,
        threshold=seen.threshold,
        checks=(*fatal, *other),
        canary_requests=seen.canary_requests,
        stable_requests=seen.stable_requests,
        share=seen.share,
        dispersion=max(fatal, key=lambda each: each.evidence).dispersion,
        needed=seen.needed,
    )


def _decide(seen: Seen, fatal: Sequence[Check], other: Sequence[Check], gap: str | None) -> tuple[Result, str]:
    loudest = max(fatal, key=lambda each: each.evidence)
    if seen.evidence >= seen.threshold:
        return "fail", sentences.worse(loudest, seen)
    both = bool(seen.share and seen.stable_requests)
    more_to_come = both and seen.answered < (seen.needed or 0.0)
    for check in other:
        if check.evidence >= check.threshold and not (check.name == "bucket" and more_to_come):
            return "hold", sentences.differs(check)
    speaking = next((each for each in other if each.evidence > _SPEAKS), None)
    if speaking is None and seen.evidence > _SPEAKS:
        speaking = loudest
    enough = both and seen.answered >= (seen.needed or inf)
    if gap and both and (enough or seen.needed is None):
        return "continue", gap
    if enough and speaking is None:
        return "pass", sentences.passed(seen)
    return "continue", sentences.too_early(seen, speaking)


def _seen(
    counted: Sequence[Interval], step: Sequence[Interval], answered: Answers, rules: Rules, fatal: Sequence[Check]
) -> Seen:
    canary = [pod.counts for each in step for pod in each.canary]
    stable = [pod.counts for each in step for pod in each.stable]
    requests = [sum(counts.requests for counts in track) for track in (canary, stable)]
    needed, times = _needed(answered, requests, rules, fatal[1])
    return Seen(
        rules=rules,
        weight=step[-1].weight if step else None,
        weight_is_known=all(each.weight is not None for each in counted),
        canary_requests=requests[0],
        stable_requests=requests[1],
        answered=coverage.answered_together(step),
        evidence=sum(each.evidence for each in fatal) / len(fatal),
        needed=needed,
        times_independent=times,
    )


def _needed(answered: Answers, requests: Sequence[float], rules: Rules, failed: Check) -> tuple[float | None, float]:
    """The answers of the canary after which the step passes: by the answers of stable since the rollout began.

    And how many times as many these are as if all requests were independent.
    """
    edges, table = answered.edges, answered.table
    if not edges or not min(requests) > 0:
        return None, 1.0
    total, bad = (each.sum(axis=-1) for each in table.stable)
    of_both = (table.canary[0].sum(axis=-1) > 0) & (total > 0)
    independent = Expected(
        requests_per_second=0.0,
        weight=requests[0] / sum(requests),
        failed=failed.stable,
        slower={edge: float(bad[place] / total[place]) for place, edge in enumerate(edges) if of_both[place]},
    )
    sizes = dict(zip(edges, dispersion(table)[:, -1].tolist(), strict=True))
    clustered = replace(independent, dispersion=sizes, failed_dispersion=failed.dispersion)
    needed, least = (forecast(each, rules).canary_requests for each in (clustered, independent))
    return needed, needed / least if needed and least else 1.0
