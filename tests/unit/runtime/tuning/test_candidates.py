from __future__ import annotations

import pytest
from plimsoll.runtime.tuning.candidates import Candidate, Standing, fastest


def candidate(standing: Standing, speed: float) -> Candidate:
    made = Candidate(f"{standing} {speed}", standing)
    made.note_turns({1: [10.0 / speed] * 3, 8: [20.0 / speed] * 3}, {1: [10.0] * 3, 8: [20.0] * 3})
    return made


def test_the_fastest_that_keeps_its_answers_is_kept() -> None:
    passes, faster = candidate("fit", 2.0), candidate("fit", 3.0)
    assert fastest([candidate("present", 1.0), passes, candidate("refused", 9.0), faster]) is faster
    assert faster.speed == pytest.approx(3.0)


def test_nothing_is_kept_that_is_hardly_faster_or_was_not_measured() -> None:
    assert fastest([candidate("fit", 1.04), Candidate("left out", "left out"), candidate("comparison", 2.0)]) is None


def test_the_speed_is_the_geometric_mean_and_each_turn_is_compared_with_its_own() -> None:
    made = Candidate("mixed", "fit")
    made.note_turns({1: [1.0, 10.0, 1.0], 8: [4.0, 4.0, 4.0]}, {1: [4.0, 40.0, 4.0], 8: [4.0, 4.0, 4.0]})
    assert made.speeds[1] == (4.0, 4.0, 4.0)
    assert made.speed == pytest.approx(2.0)
