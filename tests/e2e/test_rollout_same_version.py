"""A version against itself: short rollouts in which nothing is worse, so that one in twenty may be rolled back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.e2e.cluster import run
from tests.e2e.rollouts import Course, Ground, Meanwhile, release_of, roll_out, under_load, wait_only
from tests.e2e.rollouts_driver import PROMOTED, UNDECIDED, tell_command
from tests.e2e.rollouts_events import step_and_restart
from tests.e2e.rollouts_models import AGAIN, PLAIN, PLAIN_AGAIN, STABLE
from tests.e2e.rollouts_together import together
from tests.e2e.transcript import Transcript

pytestmark = [pytest.mark.e2e_rollouts, pytest.mark.timeout(3 * 3600)]  # thirty rollouts

MOST_FALSE = 1
AUTOSCALED = ("autoscaling.minReplicas=2", "autoscaling.maxReplicas=4", "autoscaling.cpuPercent=1000")


@dataclass(frozen=True)
class Scene:
    """Rollouts of one release, one after the other, to and fro between two versions that are the same."""

    title: str
    runs: int
    course: Course
    event: Callable[[Ground, Course], Meanwhile] | None = None


HALF, QUARTER = ("--weights=50,100", "--interval=5s"), ("--weights=25,100", "--interval=5s")
SCENES = (
    Scene("equal load for each pod", 8, Course("equal", AGAIN, STABLE, pods=1, rate=25, options=HALF)),
    Scene("a third of the load", 8, Course("third", PLAIN_AGAIN, PLAIN, pods=1, rate=30, options=QUARTER)),
    Scene("a cold canary", 7, Course("cold", PLAIN_AGAIN, PLAIN, pods=1, rate=25, options=HALF)),
    Scene(
        "an autoscaler's step and a restart", 7,
        Course(
            "moved", AGAIN, STABLE, rate=25, options=HALF, values=("autoscaling.engine=cpu",), typed=AUTOSCALED
        ),
        step_and_restart,
    ),
)  # fmt: skip


def test_a_version_is_hardly_ever_rolled_back_against_itself(ground: Ground, transcript: Transcript) -> None:
    found = together({scene.title: partial(_endings, ground, scene) for scene in SCENES})
    for title, endings in found.items():
        transcript.note(f"a version against itself, {title}", dict(Counter(endings)))
    every = [ending for endings in found.values() for ending in endings]
    assert len(every) == sum(scene.runs for scene in SCENES) == 30
    assert len([ending for ending in every if ending != "promoted"]) <= MOST_FALSE, str(found)


def test_a_busy_version_of_two_pods_is_promoted_against_itself(ground: Ground, transcript: Transcript) -> None:
    """A canary of one pod has twice the requests of a pod of stable, and was rolled back three times of three."""
    scene = Scene("two busy pods", 3, Course("busy", AGAIN, STABLE, pods=2, rate=150, options=HALF))
    endings = _endings(ground, scene)
    transcript.note(f"a version against itself, {scene.title}", dict(Counter(endings)))
    assert len([ending for ending in endings if ending != "promoted"]) <= MOST_FALSE, str(endings)


def _endings(ground: Ground, scene: Scene) -> list[str]:
    """What became of each rollout; a reason where it was not promoted."""
    course, endings = scene.course, []
    release = release_of(ground, course)
    release.install()
    try:
        with under_load(ground, course) as report:
            for _ in range(scene.runs):
                ending = _ending(ground, course, scene.event)
                endings.append(ending)
                if ending == "promoted":
                    course = replace(course, canary=course.stable, stable=course.canary)
        assert set(report["by_status"]) == {"200"}, report
    finally:
        release.uninstall()
    return endings


def _ending(ground: Ground, course: Course, event: Callable[[Ground, Course], Meanwhile] | None) -> str:
    found = roll_out(ground, course, wait_only if event is None else event(ground, course))
    if found["code"] == PROMOTED:
        return "promoted"
    reason = found["record"]["reason"]
    if found["code"] == UNDECIDED:
        run(*tell_command("abort", ground.cluster.namespace, course.name))
        return f"held: {reason}"
    return f"ended with {found['code']}: {reason}"
