"""`plimsoll rollout run`: a good version is promoted and a slow one is rolled back, by themselves."""

from __future__ import annotations

import pytest

from tests.e2e.rollouts import Course, Ground, run_course
from tests.e2e.rollouts_driver import PROMOTED, ROLLED_BACK
from tests.e2e.rollouts_models import SLOW
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

QUICK = ("--weights=50,100", "--interval=5s")
"""One step, at half of the requests."""
RATE = 60


def test_a_good_version_is_promoted(ground: Ground, transcript: Transcript) -> None:
    outcome = run_course(ground, Course("brisk", rate=RATE, warm_seconds=20, options=QUICK))
    transcript.note(f"rollout of a good version, {RATE} requests/s", outcome.words())
    outcome.check(PROMOTED)
    assert outcome.wrong == 0


def test_a_slow_version_is_rolled_back(ground: Ground, transcript: Transcript) -> None:
    outcome = run_course(ground, Course("sluggish", SLOW, rate=RATE, warm_seconds=20, options=QUICK))
    transcript.note(f"rollout of a version that is half as slow again, {RATE} requests/s", outcome.words())
    outcome.check(ROLLED_BACK)
