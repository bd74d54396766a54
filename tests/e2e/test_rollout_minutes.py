"""How long a slow version takes to be found at 20 requests a second, and how many requests it hurts until then."""

from __future__ import annotations

import statistics
from functools import partial

import pytest

from tests.e2e.rollouts import Course, Ground, Outcome, run_course
from tests.e2e.rollouts_driver import ROLLED_BACK
from tests.e2e.rollouts_models import SLOW
from tests.e2e.rollouts_recorded import INTERVAL_SECONDS, periods_of, read_intervals
from tests.e2e.rollouts_stream import hurt_share
from tests.e2e.rollouts_together import together
from tests.e2e.transcript import Transcript

pytestmark = [pytest.mark.e2e_rollouts, pytest.mark.timeout(2 * 3600)]  # ten rollouts

RUNS = 10
MOST_MINUTES, MOST_HURT = 10, 0.01


def test_a_slow_version_is_found_within_ten_minutes(ground: Ground, transcript: Transcript) -> None:
    found = together({f"slow {number}": partial(_found, ground, f"slow-{number}") for number in range(RUNS)})
    minutes = sorted(outcome.minutes for outcome, _ in found.values())
    hurt = sorted(share for _, share in found.values())
    middle, worst = statistics.median(minutes), minutes[-1]
    what = f"{RUNS} rollouts of a version that is half as slow again, 20 requests/s"
    transcript.note(f"{what}: minutes to the decision", f"median {middle:.1f}, worst {worst:.1f}")
    transcript.note(f"{what}: hurt requests", f"median {statistics.median(hurt):.2%}, worst {hurt[-1]:.2%} of all")
    for outcome, _ in found.values():
        outcome.check(ROLLED_BACK)
    assert worst <= MOST_MINUTES
    assert hurt[-1] <= MOST_HURT


def _found(ground: Ground, name: str) -> tuple[Outcome, float]:
    """A rollout, and the part of the requests of its time that it hurt."""
    outcome = run_course(ground, Course(name, SLOW))
    intervals = read_intervals(ground.url, ground.cluster.namespace, name, periods_of(outcome.record), INTERVAL_SECONDS)
    return outcome, hurt_share(intervals)
