from __future__ import annotations

import itertools

import numpy as np
import pytest
from plimsoll.judge.intervals import most_lost, wilson


def test_the_interval_of_a_share_is_that_of_wilson() -> None:
    low, high = wilson(0.96, 1000)
    assert (round(low, 4), round(high, 4)) == (0.946, 0.9705)
    assert wilson(0.0, 10)[0] == 0.0
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("lost", "won", "rows", "most"),
    [
        (0, 0, 1000, 0.0027),  # as Wilson's upper end of none of 1000, one-sided
        (1, 0, 1000, 0.0045),
        (2, 0, 1000, 0.006),
        (0, 0, 20, 0.1192),
    ],
)
def test_a_loss_of_few_rows_is_bounded_as_a_share_is(lost: int, won: int, rows: int, most: float) -> None:
    assert most_lost(lost, won, rows) == pytest.approx(most, abs=1e-4)


@pytest.mark.parametrize(("lost", "won", "rows"), [(12, 2, 44), (2, 12, 44), (3, 5, 200), (30, 10, 1000)])
def test_at_the_bound_the_counts_are_as_unlikely_as_promised(lost: int, won: int, rows: int) -> None:
    """The same by brute force: the likeliest share of wins under that loss, and the deviation of the counts then."""
    loss = most_lost(lost, won, rows)
    wins = np.linspace(max(0.0, -loss), (1 - abs(loss)) / 2, 200_001)[1:-1]
    shares = np.maximum([wins + loss, wins, 1 - 2 * wins - loss], 1e-300)
    likelihood = np.array([lost, won, rows - lost - won]) @ np.log(shares)
    share = float(wins[likelihood.argmax()])
    deviation = (lost - won - rows * loss) / np.sqrt(rows * (2 * share + loss * (1 - loss)))
    assert deviation == pytest.approx(-1.644854, abs=1e-2)


def test_more_losses_more_rows_and_more_wins_move_the_bound_as_they_should() -> None:
    for lost, won in itertools.product(range(4), range(4)):
        assert most_lost(lost + 1, won, 200) > most_lost(lost, won, 200) > (lost - won) / 200
    assert most_lost(2, 0, 400) < most_lost(2, 0, 200)
    assert most_lost(3, 9, 1000) < most_lost(3, 3, 1000)
    assert most_lost(0, 20, 20) <= 0
    assert most_lost(20, 0, 20) == 1.0
