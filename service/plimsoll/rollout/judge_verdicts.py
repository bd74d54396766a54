"""Gives the verdict on the canary of a release by what a Prometheus has recorded."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from cachetools import TTLCache

from plimsoll.judge.judgement import judge
from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Verdict
from plimsoll.rollout.guards import Guard
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.prometheus import Prometheus
from plimsoll.rollout.prometheus_history import PrometheusHistory
from plimsoll.rollout.prometheus_periods import periods_from_rules
from plimsoll.rollout.prometheus_release import ReleaseSeries

_log = logging.getLogger(__name__)

CACHE_SECONDS = 5.0
_AT_ONCE = 3
"""Each takes 40 MiB at most, of the 256 MiB that the chart gives the server."""
_MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class Question:
    """A release to judge, and whether its weights are recorded by the chart's rules."""

    release: ReleaseSeries
    weights_are_recorded: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question. Without counts it has no verdict, and `reason` says why."""

    reason: str
    verdict: Verdict | None = None
    since_seconds: float | None = None
    step_since_seconds: float | None = None

    @property
    def result(self) -> str:
        """The answer in one word: fail, pass, continue or hold."""
        return "continue" if self.verdict is None else self.verdict.result

    @property
    def canary_is_idle(self) -> bool:
        """Whether stable had requests and the canary had none, as counted. Missing counts say neither."""
        return self.verdict is not None and self.verdict.canary_requests == 0 < self.verdict.stable_requests

    def document(self) -> dict[str, Any]:
        """The answer as a JSON object. Its keys are always the same; what is not known is null."""
        numbers = asdict(self.verdict or _NOTHING)
        return {
            **{key: _finite(value) for key, value in numbers.items()},
            "result": self.result,
            "reason": self.reason,
            "since": _time(self.since_seconds),
            "step_since": _time(self.step_since_seconds),
        }


_NOTHING = Verdict(
    result="continue", reason="", evidence=1.0, threshold=math.nan, checks=(), canary_requests=0.0, stable_requests=0.0,
    share=None, dispersion=1.0, needed=None,
)  # fmt: skip


def _finite(value: Any) -> Any:  # noqa: ANN401  # of a document
    """The value as JSON can say it: no number is infinite, and one that is none is null."""
    if isinstance(value, float):
        return None if math.isnan(value) else max(-sys.float_info.max, min(value, sys.float_info.max))
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class RecordedJudge:
    """Answers questions. It blocks for as long as Prometheus takes, and may be used on several threads."""

    prometheus: Prometheus
    rules: Rules
    guards: Sequence[Guard] = ()
    interval_seconds: float = 15.0
    clock: Callable[[], float] = field(default=time.time)

    def answer(self, question: Question) -> Answer:
        """The answer of now. A Prometheus without an answer makes it `continue`, with the reason."""
        release = question.release
        try:
            rollout = periods_from_rules(
                self.prometheus,
                release,
                self.clock(),
                self.interval_seconds,
                weights_are_recorded=question.weights_are_recorded,
            )
            history = PrometheusHistory(self.prometheus, release, self.guards)
            intervals = history.read(rollout.periods, self.interval_seconds)
        except HistoryUnavailable as error:
            return Answer(error.message)
        verdict = judge(intervals, rollout.step_start_seconds, self.rules)
        return Answer(verdict.reason, verdict, rollout.since_seconds, rollout.step_start_seconds)


class SharedVerdicts:
    """Answers the questions of many clients: each question once at a time, and again for some seconds from memory.

    `answer` is called on a few threads, and may block. `heard` is called with each new answer, on the event loop.
    """

    def __init__(
        self,
        answer: Callable[[Question], Answer],
        heard: Callable[[Question, Answer], None] = lambda _question, _answer: None,
        cache_seconds: float = CACHE_SECONDS,
    ) -> None:
        self._answer = answer
        self._heard = heard
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="verdict")
        self._asked: dict[Question, asyncio.Task[Answer]] = {}
        self._known: TTLCache[Question, Answer] = TTLCache(maxsize=256, ttl=cache_seconds)

    async def ask(self, question: Question) -> Answer:
        """The answer, a few seconds old at most. It is `continue` where too many other releases wait for theirs."""
        known: Answer | None = self._known.get(question)
        if known is not None:
            return known
        if question not in self._asked:
            if len(self._asked) >= _MOST_WAITING:
                return Answer(f"{_MOST_WAITING} other releases wait for their verdict; ask again in some seconds")
            self._asked[question] = asyncio.create_task(self._compute(question))
        return await asyncio.shield(self._asked[question])  # a client that leaves takes it from no other one

    async def _compute(self, question: Question) -> Answer:
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
            self._known[question] = answer
        except Exception:  # noqa: BLE001  # a fault of the judge must not roll anything back
            _log.exception("the verdict on %s cannot be computed", question.release.fullname)
            answer = Answer("the verdict cannot be computed because of a fault of the judge; its log has it")
        finally:
            del self._asked[question]
        self._heard(question, answer)
        return answer

    def close(self) -> None:
        """Start nothing more; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
