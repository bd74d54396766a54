"""After a run a batch waits for the clients that were just answered, where these come back and one run for all pays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.return_wait import LOOK_SECONDS, ReturnWait, RunCost

FIXED, EACH = 0.020, 0.001
"""Seconds of a run, and of each of its rows."""
NOW = 100.0


@given(
    fixed=st.floats(0.0, 10.0),
    each=st.floats(0.0, 1.0),
    sizes=st.lists(st.integers(1, 128), min_size=2, max_size=60, unique=True),
)
def test_the_fixed_cost_of_a_run_is_learned_from_runs_of_different_sizes(
    fixed: float, each: float, sizes: list[int]
) -> None:
    cost = RunCost()
    for rows in sizes:
        cost.add(rows, fixed + rows * each)
    if cost.fixed_seconds is not None:
        assert cost.fixed_seconds == pytest.approx(fixed, abs=1e-6 + 1e-6 * each * max(sizes))


def test_runs_of_one_size_say_nothing_of_it() -> None:
    cost = RunCost()
    for _ in range(100):
        cost.add(32, 0.050)
    assert cost.fixed_seconds is None


def test_it_stays_known_while_runs_are_of_one_size() -> None:
    cost = RunCost()
    for rows in (8, 64, *[64] * 200):
        cost.add(rows, FIXED + rows * EACH)
    assert cost.fixed_seconds == pytest.approx(FIXED)


def test_it_follows_a_model_that_becomes_slower() -> None:
    cost = RunCost()
    for fixed in (FIXED, 3 * FIXED):
        for rows in [8, 64] * 100:
            cost.add(rows, fixed + rows * EACH)
    assert cost.fixed_seconds == pytest.approx(3 * FIXED, rel=0.01)


@given(st.lists(st.tuples(st.integers(1, 128), st.floats(0.0, 10.0)), min_size=1))
def test_it_is_never_negative(runs: list[tuple[int, float]]) -> None:
    cost = RunCost()
    for rows, seconds in runs:
        cost.add(rows, seconds)
    assert cost.fixed_seconds is None or cost.fixed_seconds >= 0


def test_a_client_that_is_alone_never_makes_itself_wait() -> None:
    wait = ReturnWait()
    assert not any(wait.begin(1, FIXED, answered=1, waiting=0, now=NOW) for _ in range(100))


def test_it_lasts_until_all_have_come_back() -> None:
    wait = ReturnWait()
    assert begun(wait, answered=8, waiting=8)
    assert wait.goes_on(8, NOW)
    assert not wait.all_came(15)
    assert wait.all_came(16)
    assert not wait.goes_on(16, NOW)


def test_it_ends_early_when_three_looks_find_nobody_new() -> None:
    wait = ReturnWait()
    assert begun(wait, answered=8, waiting=8)
    assert [wait.goes_on(waiting, NOW) for waiting in (8, 8, 9, 9, 9, 9)] == [True, True, True, True, True, False]


def test_a_model_whose_runs_take_seconds_waits_a_few_milliseconds_for_the_first_to_come_back() -> None:
    wait = ReturnWait()
    assert wait.begin(2, 10.0, answered=2, waiting=2, now=NOW)
    assert [wait.goes_on(2, NOW) for _ in range(20)] == [True] * 19 + [False]


def test_it_is_no_longer_than_half_of_a_run() -> None:
    wait = ReturnWait()
    learn(wait)
    seconds = FIXED + 8 * EACH
    assert wait.begin(8, seconds, answered=8, waiting=0, now=NOW)
    assert wait.goes_on(1, NOW + 0.49 * seconds)
    assert not wait.goes_on(2, NOW + 0.51 * seconds)


def test_it_is_no_longer_than_two_runs_cost_whatever_their_rows() -> None:
    wait = ReturnWait()
    learn(wait, fixed=0.004)
    assert wait.begin(32, 0.004 + 32 * EACH, answered=32, waiting=0, now=NOW)
    assert wait.goes_on(1, NOW + 0.0079)
    assert not wait.goes_on(2, NOW + 0.0081)


def test_a_run_that_costs_twice_as_much_for_twice_the_rows_is_followed_by_no_wait() -> None:
    wait = ReturnWait()
    learn(wait, fixed=0.0)
    assert not begun(wait, answered=8, waiting=8)


def test_a_quick_run_is_followed_by_no_wait() -> None:
    wait = ReturnWait()
    learn(wait, fixed=LOOK_SECONDS / 3, each=1e-6)
    assert not wait.begin(8, LOOK_SECONDS, answered=8, waiting=8, now=NOW)


def test_clients_that_do_not_come_back_are_not_waited_for_but_tried_again_now_and_then() -> None:
    wait = ReturnWait()
    learn(wait)
    waits = []
    for _ in range(40):
        waits.append(begun(wait, answered=8, waiting=8))
        if waits[-1]:
            wait.end(8)
    assert waits[:5] == [True, True, True, False, False]
    assert sum(waits[3:]) == 2


def test_clients_that_come_back_after_all_are_waited_for_again() -> None:
    wait = ReturnWait()
    learn(wait)
    for back in (8, 16):
        for _ in range(100):
            if begun(wait, answered=8, waiting=8):
                wait.end(back)
    assert begun(wait, answered=8, waiting=8)


def test_a_batch_without_room_has_all_that_it_waited_for() -> None:
    wait = ReturnWait()
    for _ in range(10):
        assert begun(wait, answered=64, waiting=100)
        wait.end(128, full=True)


def learn(wait: ReturnWait, fixed: float = FIXED, each: float = EACH) -> None:
    """Let it see lone runs of two sizes."""
    for rows in [4, 8, 4, 8]:
        wait.begin(rows, fixed + rows * each, answered=1, waiting=0, now=NOW)


def begun(wait: ReturnWait, answered: int, waiting: int) -> bool:
    """Whether a wait begins after a run of one row for each answered request."""
    return wait.begin(answered, FIXED + answered * EACH, answered, waiting, NOW)
