from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.rollout.counter_increases import (
    Numbers,
    ProcessRecord,
    closing_points,
    guarded_increases,
    increases,
)

NAN = float("nan")
STEP = 15.0
START = 1_000_000.0


def times(points: int) -> Numbers:
    return START + STEP * np.arange(points, dtype=np.float64)


def record(values: list[float], started: float = 0.0) -> ProcessRecord:
    """A process with one counter, scraped a second before each point at which it has a value."""
    counter = np.array(values)
    read_at = np.where(np.isnan(counter), NAN, times(len(values)) - 1)
    return ProcessRecord(read_at, np.full(len(values), started), counter[:, None])


def rises(one: ProcessRecord) -> list[float]:
    """Its increases where every point closes an interval."""
    points = times(len(one.read_at))
    return [float(each) for each in increases(one, points, np.ones(len(points), dtype=np.bool_))[:, 0]]


def test_the_first_point_is_the_baseline() -> None:
    assert rises(record([100, 103, 103, 110])) == [0, 3, 0, 7]


def test_a_lower_value_is_a_restart_that_counts_from_0_where_the_start_is_not_known() -> None:
    assert rises(record([100, 4, 6], started=NAN)) == [0, 4, 2]


def test_a_process_whose_start_is_the_same_has_lost_a_part_of_its_sum() -> None:
    assert rises(record([1_000_000, 1_000_270, 900_540, 900_810])) == [0, 270, 0, 270]


def test_a_restart_is_seen_by_the_start_of_the_process_where_the_value_is_higher() -> None:
    one = ProcessRecord(times(3) - 1, np.array([START - 99, START + 10, START + 10]), np.array([[5.0], [8.0], [9.0]]))
    assert rises(one) == [0, 8, 1]


def test_one_counter_that_falls_restarts_them_all() -> None:
    one = ProcessRecord(times(2) - 1, np.full(2, NAN), np.array([[5.0, 3.0], [6.0, 1.0]]))
    assert increases(one, times(2), np.ones(2, dtype=np.bool_)).tolist() == [[0, 0], [6, 1]]


def test_a_process_that_started_in_the_period_counts_from_0() -> None:
    assert rises(record([NAN, 7, 9], started=START + 3)) == [0, 7, 2]


def test_one_that_is_older_counts_from_what_is_seen_first() -> None:
    assert rises(record([NAN, 7, 9], started=START - 3)) == [0, 0, 2]


def test_one_whose_start_is_not_known_does_too() -> None:
    assert rises(record([NAN, 7, 9], started=NAN)) == [0, 0, 2]


def test_a_missed_scrape_loses_nothing() -> None:
    assert rises(record([1, NAN, 4, 5])) == [0, 0, 3, 1]


def test_a_process_that_is_gone_keeps_what_it_had() -> None:
    assert rises(record([1, 4, NAN, NAN])) == [0, 3, 0, 0]


def test_a_counter_that_appears_later_began_at_0() -> None:
    one = ProcessRecord(times(3) - 1, np.zeros(3), np.array([[5.0, NAN], [6.0, NAN], [9.0, 2.0]]))
    assert increases(one, times(3), np.ones(3, dtype=np.bool_)).tolist() == [[0, 0], [1, 0], [3, 2]]


def test_a_counter_that_is_not_there_for_a_point_keeps_its_value() -> None:
    one = ProcessRecord(times(3) - 1, np.zeros(3), np.array([[5.0, 4.0], [6.0, NAN], [7.0, 6.0]]))
    assert increases(one, times(3), np.ones(3, dtype=np.bool_)).tolist() == [[0, 0], [1, 0], [1, 2]]


def test_a_counter_that_is_not_there_after_a_restart_has_no_increase() -> None:
    one = ProcessRecord(times(2) - 1, np.full(2, NAN), np.array([[5.0, 4.0], [1.0, NAN]]))
    assert increases(one, times(2), np.ones(2, dtype=np.bool_)).tolist() == [[0, 0], [1, 0]]


def test_a_point_closes_an_interval_once_every_process_has_been_read_again() -> None:
    quick, slow = times(5) - 1, np.repeat(times(5)[[0, 2, 4]] - 1, 2)[:5]
    assert closing_points(times(5), [quick], np.zeros(5, dtype=np.bool_)).tolist() == [True] * 5
    assert closing_points(times(5), [quick, slow], np.zeros(5, dtype=np.bool_)).tolist() == [True, False] * 2 + [True]


def test_a_prometheus_that_scrapes_nothing_closes_nothing() -> None:
    stopped = np.array([START - 1, START - 1, START - 1, START + 44])
    nothing = np.array([NAN, NAN, NAN, NAN])
    none = np.zeros(4, dtype=np.bool_)
    assert closing_points(times(4), [stopped], none).tolist() == [True, False, False, True]
    assert closing_points(times(4), [nothing], none).tolist() == [False] * 4
    assert closing_points(times(4), [], none).tolist() == [False] * 4


def test_a_process_that_is_gone_does_not_hold_up_the_others() -> None:
    gone = np.array([START - 1, NAN, NAN])
    assert closing_points(times(3), [times(3) - 1, gone], np.zeros(3, dtype=np.bool_)).tolist() == [True] * 3


def test_an_unreadable_track_closes_nothing() -> None:
    unreadable = np.array([False, True, False])
    assert closing_points(times(3), [times(3) - 1], unreadable).tolist() == [True, False, True]


def test_what_rises_between_closing_points_belongs_to_the_later_one() -> None:
    closes = np.array([False, True, False, True, False])
    found = increases(record([1, 2, 4, 7, 11]), times(5), closes)
    assert found[:, 0].tolist() == [0, 0, 0, 5, 0]


def test_a_guard_that_falls_makes_its_interval_useless_and_no_other() -> None:
    values, every = np.array([5000.0, 5010.0, 4000.0, 4020.0]), np.ones(4, dtype=np.bool_)
    found, fell = guarded_increases(values, every, from_zero=False)
    assert (found.tolist(), fell.tolist()) == ([0, 10, 0, 20], [False, False, True, False])


def test_a_guard_of_a_new_process_counts_from_0_and_of_another_one_does_not() -> None:
    values, every = np.array([NAN, 3.0, 4.0]), np.ones(3, dtype=np.bool_)
    assert guarded_increases(values, every, from_zero=True)[0].tolist() == [0, 3, 1]
    found, useless = guarded_increases(values, every, from_zero=False)
    assert (found.tolist(), useless.tolist()) == ([0, 0, 1], [False, True, False])
    assert guarded_increases(np.full(3, NAN), every, from_zero=True)[0].tolist() == [0, 0, 0]


LIVES = st.lists(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=8), min_size=1, max_size=5)


@given(LIVES, st.data())
def test_the_increases_are_what_was_scraped_whatever_restarts_and_gets_lost(
    lives: list[list[tuple[int, bool]]], data: st.DataObject
) -> None:
    """Each life is a list of points: the requests that came before it, and whether its scrape succeeded."""
    values, started, truth = [0.0], [START - 60.0], 0.0
    for number, life in enumerate(lives):
        count, scraped = (0.0, 0.0)
        begin = START - 60.0 if number == 0 else START + STEP * (len(values) - 1) + 5
        for came, readable in life:
            count += came
            values.append(count if readable else NAN)
            started.append(begin)
            scraped = count if readable else scraped
        truth += scraped
    one = ProcessRecord(
        np.where(np.isnan(values), NAN, times(len(values)) - 1), np.array(started), np.array(values)[:, None]
    )
    closes = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    closes[[0, -1]] = True
    found = increases(one, times(len(values)), closes)[:, 0]
    assert (found >= 0).all()
    assert found.sum() == truth
    assert not found[~closes].any()


@given(st.lists(st.one_of(st.just(NAN), st.floats(0, 1e9)), min_size=2, max_size=20), st.booleans())
def test_a_guard_never_rises_by_less_than_0_nor_where_it_fell(values: list[float], from_zero: bool) -> None:
    found, fell = guarded_increases(np.array(values), np.ones(len(values), dtype=np.bool_), from_zero=from_zero)
    assert (found >= 0).all()
    assert not found[fell].any()
