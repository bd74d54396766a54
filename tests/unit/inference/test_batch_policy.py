from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.batch_policy import BatchLimits, due_at

moments = st.floats(0, 1e6)
waits = st.floats(0, 100)
sizes = st.integers(1, 4096)


@given(oldest_at=moments, rows=sizes, max_rows=sizes, wait=waits)
def test_a_batch_is_due_when_it_is_full_or_its_oldest_has_waited(
    oldest_at: float, rows: int, max_rows: int, wait: float
) -> None:
    due = due_at(oldest_at, rows, BatchLimits(max_rows, wait))
    assert due == (oldest_at if rows >= max_rows else oldest_at + wait)


@given(oldest_at=moments, rows=sizes, more=sizes, max_rows=sizes, wait=waits)
def test_company_never_makes_a_batch_wait_longer(
    oldest_at: float, rows: int, more: int, max_rows: int, wait: float
) -> None:
    limits = BatchLimits(max_rows, wait)
    assert due_at(oldest_at, rows + more, limits) <= due_at(oldest_at, rows, limits)


@given(oldest_at=moments, rows=sizes, max_rows=sizes)
def test_without_a_wait_every_batch_is_due_at_once(oldest_at: float, rows: int, max_rows: int) -> None:
    assert due_at(oldest_at, rows, BatchLimits(max_rows, 0.0)) == oldest_at


@given(first=moments, second=moments, rows=sizes, limits=st.builds(BatchLimits, sizes, waits))
def test_of_two_batches_of_the_same_size_the_older_is_never_due_later(
    first: float, second: float, rows: int, limits: BatchLimits
) -> None:
    older, younger = sorted((first, second))
    assert due_at(older, rows, limits) <= due_at(younger, rows, limits)
