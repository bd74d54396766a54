"""`plimsoll rollout run` for versions that misbehave in every way, by each split, and while other things go wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from tests.e2e.rollouts import Course, Ground, Meanwhile, Outcome, run_course
from tests.e2e.rollouts_driver import PROMOTED, ROLLED_BACK, Driver, kill_often
from tests.e2e.rollouts_events import GUARD, Outage, abort_when_held, kill_canary, shop
from tests.e2e.rollouts_models import FAILS, ONE_CLASS, REFUSED, SLOW
from tests.e2e.rollouts_recorded import keep_words
from tests.e2e.rollouts_together import together
from tests.e2e.transcript import Transcript

pytestmark = [pytest.mark.e2e_rollouts, pytest.mark.timeout(3 * 3600)]  # seven rollouts that wait for requests

KILLS = 10


def test_each_kind_of_version_ends_as_it_should(ground: Ground, transcript: Transcript) -> None:
    held: dict[str, str] = {}
    killed, one_class = Course("killed"), Course("one-class", ONE_CLASS, waits=True)
    guarded = Course("guarded", options=(f"--guard={GUARD}",))
    with shop(ground, guarded):
        found = together(
            {
                "a, good": partial(run_course, ground, Course("good")),
                "b, slow": partial(run_course, ground, Course("slow", SLOW)),
                "c, fails": partial(run_course, ground, Course("fails", FAILS)),
                "d, never ready": partial(run_course, ground, Course("refused", REFUSED)),
                "e, killed": partial(run_course, ground, killed, kill_canary(ground, killed)),
                "f, one class": partial(run_course, ground, one_class, abort_when_held(ground, one_class, held)),
                "g, worse by a guard": partial(run_course, ground, guarded),
            }
        )
    _note(transcript, found)
    transcript.note("rollout f, one class: held", held.get("one-class", "no"))
    keep_words({name: outcome.said for name, outcome in found.items()})
    found["a, good"].check(PROMOTED)
    for name in ("b, slow", "c, fails", "d, never ready", "g, worse by a guard"):
        found[name].check(ROLLED_BACK)
    found["e, killed"].check(ROLLED_BACK, rollout_failures=None)  # its share, until Kubernetes knows
    assert set(found["e, killed"].report["by_status"]) <= {"200", "503"}, found["e, killed"].report
    found["f, one class"].check(ROLLED_BACK)  # by the person who was asked
    assert "one-class" in held
    assert found["d, never ready"].seen.first_at() is None


def test_good_and_failing_ones_with_pods_or_autoscalers(ground: Ground, transcript: Transcript) -> None:
    found = together(
        {
            "replicas, good": partial(run_course, ground, Course("by-pods-good", split="replicas", pods=3)),
            "replicas, fails": partial(run_course, ground, Course("by-pods-fails", FAILS, split="replicas", pods=3)),
            "autoscaler, good": partial(run_course, ground, _scaled(Course("scaled-good"))),
            "autoscaler, fails": partial(run_course, ground, _scaled(Course("scaled-fails", FAILS))),
        }
    )
    _check(transcript, found)


def test_good_and_failing_ones_while_prometheus_is_away(ground: Ground, transcript: Transcript) -> None:
    outage = Outage(ground.prometheus, rollouts=2)
    good, fails = Course("unseen-good"), Course("unseen-fails", FAILS)
    found = together(
        {
            "Prometheus away, good": partial(run_course, ground, good, outage.during(ground, good)),
            "Prometheus away, fails": partial(run_course, ground, fails, outage.during(ground, fails)),
        }
    )
    _check(transcript, found)


def test_good_and_failing_ones_whose_driver_is_killed(ground: Ground, transcript: Transcript) -> None:
    starts: dict[str, int] = {}

    def kill(name: str, seed: int) -> Meanwhile:
        def killing(driver: Driver) -> None:
            kill_often(driver, KILLS, seed)
            starts[name] = driver.starts

        return killing

    found = together(
        {
            "driver killed, good": partial(run_course, ground, Course("dying-good"), kill("good", 1)),
            "driver killed, fails": partial(run_course, ground, Course("dying-fails", FAILS), kill("fails", 2)),
        }
    )
    transcript.note("rollout, driver killed: starts", starts)
    _check(transcript, found)
    assert starts["good"] == KILLS + 1


def _scaled(course: Course) -> Course:
    """The same with an autoscaler of each track, which CPU alone would not move."""
    typed = ("autoscaling.cpuPercent=1000", "autoscaling.minReplicas=2", "autoscaling.maxReplicas=3")
    return replace(course, values=("autoscaling.engine=cpu",), typed=typed)


def _check(transcript: Transcript, found: dict[str, Outcome]) -> None:
    """The good ones are promoted, the others rolled back."""
    _note(transcript, found)
    for name, outcome in found.items():
        outcome.check(PROMOTED if name.endswith("good") else ROLLED_BACK)


def _note(transcript: Transcript, found: dict[str, Outcome]) -> None:
    for name, outcome in found.items():
        cause = "the kills" if name.startswith("e,") else "the rollout"
        transcript.note(f"rollout {name}", outcome.words(cause))
