"""`plimsoll rollout run`: a good version is promoted and a slow one is rolled back, by themselves."""

from __future__ import annotations

from functools import partial

import pytest

from tests.e2e.rollouts import Course, Ground, run_course
from tests.e2e.rollouts_driver import PROMOTED, ROLLED_BACK
from tests.e2e.rollouts_models import SLOW
from tests.e2e.rollouts_together import together
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

QUICK = ("--weights=50,100", "--interval=5s")
"""One step, at half of the requests."""
RATE = 60
OBJECTIVE = "serving.objectiveMs=30"
"""The 95th percentile of these models. It adds an edge to the histogram between 25 and 50 ms: slow ones cross it."""


def test_a_good_version_is_promoted_and_a_slow_one_is_rolled_back(ground: Ground, transcript: Transcript) -> None:
    brisk = Course("brisk", rate=RATE, warm_seconds=20, options=QUICK, typed=(OBJECTIVE,))
    sluggish = Course("sluggish", SLOW, rate=RATE, warm_seconds=20, options=QUICK, typed=(OBJECTIVE,))
    found = together({"good": partial(run_course, ground, brisk), "slow": partial(run_course, ground, sluggish)})
    for name, outcome in found.items():
        transcript.note(f"rollout of a {name} version, {RATE} requests/s", outcome.words())
    found["good"].check(PROMOTED)
    assert found["good"].wrong == 0
    found["slow"].check(ROLLED_BACK)
