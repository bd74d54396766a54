"""Exports the newest verdicts of a judge's server as metrics."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from plimsoll.judge.verdict import Result
from plimsoll.rollout.judge_verdicts import Answer, Question

_log = logging.getLogger(__name__)

RESULTS: tuple[Result, ...] = ("fail", "pass", "continue", "hold")
MOST_RELEASES = 100
KEPT_SECONDS = 900.0
_LOG_SECONDS = 60.0
_RELEASE = ("cluster", "namespace", "release")


class VerdictMetrics(Collector):
    """The newest answer about each release that has had a verdict, until it was asked for no more for 15 minutes.

    They are `MOST_RELEASES` at most. It logs each result that differs from the one before, and once a minute at most an
    answer about a name that has had no verdict, since anybody may ask for any name.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest: OrderedDict[tuple[str, str, str], tuple[float, Answer]] = OrderedDict()
        self._logged_at = -math.inf
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def heard(self, question: Question, answer: Answer) -> None:
        """Keep an answer in place of the one before."""
        of = question.release
        key = (of.cluster, of.namespace, of.fullname)
        before = self._newest.pop(key, None)
        now = self._clock()
        if before is None and answer.verdict is None:
            if now - self._logged_at < _LOG_SECONDS:
                return
            self._logged_at = now
        if before is None or before[1].result != answer.result:
            _log.info("verdict on release %s in namespace %s: %s: %s", key[2], key[1], answer.result, answer.reason)
        if before is None and answer.verdict is None:
            return
        self._newest[key] = (now, answer)
        while len(self._newest) > MOST_RELEASES:
            self._newest.popitem(last=False)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of a scrape."""
        evidence = GaugeMetricFamily(
            "plimsoll_canary_evidence",
            "Evidence of each check that the canary differs, as an e-value; 1 is none. Check `all` is that of those "
            "which can fail together.",
            labels=(*_RELEASE, "check"),
        )
        threshold = GaugeMetricFamily(
            "plimsoll_canary_threshold",
            "The evidence at which a check decides.",
            labels=(*_RELEASE, "check"),
        )
        verdict = GaugeMetricFamily(
            "plimsoll_canary_verdict",
            "1 for the present verdict on a canary (fail, pass, continue or hold), 0 for the others.",
            labels=(*_RELEASE, "result"),
        )
        oldest = self._clock() - KEPT_SECONDS
        for key, (heard, answer) in list(self._newest.items()):
            if heard < oldest:
                continue
            for result in RESULTS:
                verdict.add_metric([*key, result], answer.result == result)
            if answer.verdict is None:
                continue
            known = {"all": answer.verdict} | {each.name: each for each in answer.verdict.checks}
            for name, each in known.items():
                if not math.isnan(each.threshold):
                    evidence.add_metric([*key, name], each.evidence)
                    threshold.add_metric([*key, name], each.threshold)
        yield from (evidence, threshold, verdict)
