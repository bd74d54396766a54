"""The panels of a judged rollout: the evidence, the verdict, the split, and the classes that each track answers."""

from __future__ import annotations

from ops.dashboards.panels import SERVICE, TRACK, Graph, Query
from ops.dashboards.promql import rate, series, total, version_series


def class_shares(*matchers: str, by: str = "") -> str:
    """The share of each class among the answered rows, for each value of the label `by`, or of all."""
    answered = rate(version_series("plimsoll_predictions_total", *matchers))
    part, whole = total(answered, f"{by}, class" if by else "class"), total(answered, by)
    return f"{part} / on ({by}) group_left () ({whole} > 0)"


CANARY, STABLE = (class_shares(f'track="{track}"') for track in ("canary", "stable"))

VERDICT = [
    Graph(
        "Evidence against the canary",
        [
            Query(series("plimsoll_canary_evidence"), f"{SERVICE}, {{{{check}}}}"),
            Query(series("plimsoll_canary_threshold", 'check="all"'), f"{SERVICE}, fails at"),
        ],
        unit="none",
        logarithmic=True,
        width=12,
        says="How much each check speaks against the canary; 1 is nothing. The canary fails once that of all, which is "
        "the mean over latency, errors and guards, reaches its threshold, 1 / alpha. The split, the classes and the "
        "share of refused requests hold the rollout instead, at thresholds of their own. A judge has these "
        "series while it is asked.",
    ),
    Graph(
        "Verdict",
        [Query(series("plimsoll_canary_verdict"), f"{SERVICE}, {{{{result}}}}")],
        unit="none",
        shares=True,
        width=12,
        says="The judge's last answer: fail, pass, continue or hold. Choose one release to read it. Without data "
        "nobody has asked a judge.",
    ),
    Graph(
        "The canary's share",
        [
            Query(series("plimsoll:canary_requests:ratio_rate5m"), f"{SERVICE}, gets"),
            Query(series("plimsoll:canary_weight:ratio"), f"{SERVICE}, is given"),
        ],
        unit="percentunit",
        says="The share of all requests that the canary gets, and the one that its weight, or its part of the pods, "
        "gives it of those that name no version. Each step of the weight shows as a step of the second line.",
        runbooks=("PlimsollCanarySplit",),
    ),
    Graph(
        "Classes answered",
        [Query(class_shares(by="track"), f"{TRACK}, {{{{class}}}}")],
        unit="percentunit",
        says="The share of each class among the rows that each track answered, for classifiers of at most 50 labels. "
        "Choose one model to read it.",
    ),
    Graph(
        "Classes that the canary answers more often",
        [Query(f"{CANARY} - on (class) {STABLE}", "{{class}}")],
        unit="percentunit",
        from_zero=False,
        says="By how much the share of a class is higher with the canary than with stable; below 0 it is lower. A "
        "better model may differ, so the judge holds the rollout for a person to decide.",
    ),
]
