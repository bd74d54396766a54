"""The judge beside the example analyses of two other tools, on the same recorded counts of a slow and a failing canary.

The weight stays at 25 percent, by hand, for as long as the slowest of the rules needs: a rollout would end the record
with the first decision.
"""

from __future__ import annotations

import time
from functools import partial

import pytest
from plimsoll.judge.counts import Interval
from plimsoll.rollout.history import Period

from tests.e2e.rollouts import Course, Ground, release_of, run_course, under_load
from tests.e2e.rollouts_driver import PROMOTED, ROLLED_BACK
from tests.e2e.rollouts_models import FAILS, SLOW
from tests.e2e.rollouts_picture import draw, minutes_to_failure
from tests.e2e.rollouts_recorded import RESULTS, judged, keep, periods_of, read_intervals
from tests.e2e.rollouts_rules import RULES, seconds_to_rollback
from tests.e2e.rollouts_together import together
from tests.e2e.transcript import Transcript

pytestmark = [pytest.mark.e2e_rollouts, pytest.mark.timeout(2 * 3600)]  # twenty minutes are recorded

WEIGHT = 25
RECORDED_SECONDS = 20 * 60
_SETTLES_SECONDS = 30


def test_the_judge_and_other_analyses_on_the_same_counts(ground: Ground, transcript: Transcript) -> None:
    found = together(
        {
            "slow": partial(_recorded, ground, Course("taped-slow", SLOW)),
            "fails": partial(_recorded, ground, Course("taped-fails", FAILS)),
            "good-rollout": partial(_rolled_out, ground, Course("shown-good"), PROMOTED),
            "slow-rollout": partial(_rolled_out, ground, Course("shown-slow", SLOW), ROLLED_BACK),
        }
    )
    for name, intervals in found.items():
        keep(name, intervals)
    seen = {name: judged(intervals) for name, intervals in found.items()}
    for name in ("slow", "fails"):
        ours = minutes_to_failure(seen[name])
        transcript.note(f"recorded, {name}, weight {WEIGHT}: plimsoll's judge", _minutes(ours))
        for rule in RULES:
            seconds = seconds_to_rollback(rule, found[name])
            transcript.note(
                f"recorded, {name}, weight {WEIGHT}: {rule.name}", _minutes(None if seconds is None else seconds / 60)
            )
        assert ours is not None, f"{name} was not found"
    assert minutes_to_failure(seen["good-rollout"]) is None
    assert minutes_to_failure(seen["slow-rollout"]) is not None
    shown = {"a good version is promoted": "good-rollout", "half as slow again: rolled back": "slow-rollout"}
    draw({title: seen[name] for title, name in shown.items()}, RESULTS / "rollouts.png")


def _minutes(minutes: float | None) -> str:
    return f"not within {RECORDED_SECONDS / 60:.0f} min" if minutes is None else f"{minutes:.1f} min"


def _recorded(ground: Ground, course: Course) -> tuple[Interval, ...]:
    """The counts of a canary whose weight nobody changes."""
    release = release_of(ground, course)
    release.install()
    try:
        with under_load(ground, course):
            release.upgrade("canary.mode=gatewayAPI", f"canary.model.version={course.canary}")
            release.upgrade(typed=(f"canary.weight={WEIGHT}",))
            time.sleep(_SETTLES_SECONDS)
            began = time.time()
            time.sleep(RECORDED_SECONDS)
            period = Period(began, time.time(), WEIGHT / 100)
            intervals = read_intervals(ground.url, ground.cluster.namespace, course.name, [period])
            release.upgrade(typed=("canary.weight=0",))
        return intervals
    finally:
        release.uninstall()


def _rolled_out(ground: Ground, course: Course, code: int) -> tuple[Interval, ...]:
    """The counts that a rollout was decided by, for the picture."""
    outcome = run_course(ground, course)
    outcome.check(code)
    return read_intervals(ground.url, ground.cluster.namespace, course.name, periods_of(outcome.record))
