from __future__ import annotations

from dataclasses import replace

from plimsoll.rollout.shown_look import milliseconds, percent, shown
from plimsoll.rollout.track_figures import Figure

from tests.unit.rollout.test_display_lines import looked


def test_a_held_rollout_is_shown_as_held_with_its_reason_unless_the_canary_fails() -> None:
    look = looked("pass")
    held = replace(look, record=replace(look.record, held=True, reason="other classes"))
    assert (shown(held).result, shown(held).reason) == ("held", "other classes")
    worse = replace(held, verdict=looked("fail").verdict)
    assert shown(worse).result == "fail"


def test_time_that_is_over_is_no_time() -> None:
    assert shown(replace(looked(), seconds_left=-60)).minutes_left == 0


def test_figures_have_units_and_bounds() -> None:
    assert milliseconds(Figure(0.05, 0.04, None)) == "50 ms (40 to ?)"
    assert percent(Figure(0.005, 0.002, 0.011)) == "0.5 % (0.2 to 1.1)"
    assert percent(Figure()) == "-"
