from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.batch_queue import Batch, BatchQueue, Entry
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.inference.ports import Shapes

from tests.doubles.models import EchoModel, flat_signature

OPEN = Signature((TensorSpec("x", "FP64", (-1, -1)),), (TensorSpec("y", "FP64", (-1, -1)),))


class Shop:
    """A queue that counts the rows for which memory was asked."""

    def __init__(
        self, signature: Signature, max_rows: int = 8, max_wait: float = 0.0, max_elements: int = 1 << 18
    ) -> None:
        self._model = EchoModel(signature)
        self.limits = BatchLimits(max_rows, max_wait, max_elements)
        self.queue = BatchQueue(self._made, self.limits)
        self.capacities: list[int] = []

    def _made(self, rows: int, shapes: Shapes) -> dict[str, NDArray[Any]]:
        self.capacities.append(rows)
        return self._model.new_batch(rows, shapes)

    def reserve(self, rows: int, *length: int) -> Entry:
        """Rows that are as long as is said, where the signature leaves that open."""
        return self.queue.reserve(rows, asyncio.get_running_loop().create_future(), (length,) if length else ())

    def add(self, rows: int, *length: int, at: float = 0.0, fill: float = 0.0) -> Entry:
        """The same, committed."""
        entry = self.reserve(rows, *length)
        entry.inputs["x"][:] = fill
        self.queue.commit(entry, at, deadline=1e9)
        return entry

    def take(self) -> Batch:
        """The next batch, which has to be there."""
        batch = self.queue.take()
        assert batch is not None
        return batch

    def sizes(self) -> list[list[int]]:
        """The requests of every batch that waits, by their rows; takes them all."""
        taken = iter(self.queue.take, None)
        return [[entry.rows for entry in batch.entries] for batch in taken]


@pytest.fixture
def fixed() -> Shop:
    return Shop(flat_signature(2, "FP64"))


@pytest.fixture
def opened() -> Shop:
    return Shop(OPEN)


async def test_an_empty_queue_has_nothing_due(fixed: Shop) -> None:
    assert (fixed.queue.due_at, fixed.queue.take(), list(fixed.queue.waiting())) == (math.inf, None, [])


async def test_rows_that_were_reserved_and_given_up_are_never_due(fixed: Shop, opened: Shop) -> None:
    fixed.reserve(3)
    opened.reserve(3, 5)
    assert fixed.queue.due_at == opened.queue.due_at == math.inf
    assert fixed.queue.take() is opened.queue.take() is None


async def test_rows_are_written_where_the_model_will_read_them(fixed: Shop) -> None:
    entry = fixed.add(2, fill=5.0)
    batch = fixed.take()
    assert batch.tensors()["x"].tolist() == [[5.0, 5.0]] * 2
    assert entry.inputs["x"].base is batch.inputs["x"]


@pytest.mark.parametrize(
    ("requests", "batches"),
    [
        ([1, 1, 1], [[1, 1, 1]]),
        ([4, 4, 1], [[4, 4], [1]]),
        ([5, 4], [[5], [4]]),
        ([8, 8], [[8], [8]]),
        ([9], [[9]]),
        ([1, 100, 1], [[1], [100], [1]]),
        ([100, 100], [[100], [100]]),
    ],
)
@pytest.mark.parametrize("length", [(), (3,)])
async def test_requests_share_batches_up_to_the_limit_and_a_larger_one_has_its_own(
    requests: list[int], batches: list[list[int]], length: tuple[int, ...]
) -> None:
    shop = Shop(OPEN if length else flat_signature(2, "FP64"))
    for rows in requests:
        shop.add(rows, *length)
    assert shop.sizes() == batches


async def test_rows_of_different_shape_never_share_a_batch(opened: Shop) -> None:
    for length in (3, 5, 3, 5, 3):
        opened.add(1, length, fill=float(length))
    batches = [opened.take(), opened.take()]
    assert [batch.tensors()["x"].tolist() for batch in batches] == [[[3.0] * 3] * 3, [[5.0] * 5] * 2]
    assert opened.queue.take() is None


async def test_a_full_batch_is_due_since_its_oldest_came_and_another_when_it_has_waited() -> None:
    shop = Shop(flat_signature(2, "FP64"), max_rows=4, max_wait=2.0)
    shop.add(3, at=10.0)
    assert shop.queue.due_at == 12.0
    shop.add(1, at=11.0)
    assert shop.queue.due_at == 10.0
    shop.add(1, at=11.5)
    assert shop.queue.due_at == 10.0
    shop.take()
    assert shop.queue.due_at == 13.5


async def test_full_batches_of_one_shape_do_not_keep_another_waiting_for_ever() -> None:
    shop = Shop(OPEN, max_rows=2)
    shop.add(1, 7, at=0.5)
    for at in range(5):
        shop.add(2, 3, at=float(at))
    lengths = [batch.shapes[0][0] for batch in iter(shop.queue.take, None)]
    assert lengths == [3, 7, 3, 3, 3, 3]


async def test_tensors_are_used_again_once_their_batch_has_run(fixed: Shop) -> None:
    for _ in range(20):
        fixed.add(3)
        fixed.queue.give_back(fixed.take())
    assert len(fixed.capacities) <= 2
    fixed.add(1)
    assert fixed.take().filled == 1


async def test_only_so_many_spare_tensors_are_kept(fixed: Shop) -> None:
    batches = []
    for _ in range(10):
        fixed.add(8)
        batches.append(fixed.take())
    for batch in batches:
        fixed.queue.give_back(batch)
    made = len(fixed.capacities)
    for _ in range(10):
        fixed.add(8)
        fixed.take()
    assert len(fixed.capacities) - made >= 8


async def test_refused_bodies_ask_for_no_more_memory(fixed: Shop) -> None:
    for rows in (1, 8, 3) * 100:
        fixed.reserve(rows)
    assert sum(fixed.capacities) <= 16


@given(lengths=st.lists(st.integers(1, 500), max_size=200), rows=st.integers(1, 3))
async def test_made_up_shapes_get_the_memory_of_their_own_rows_and_not_of_a_full_batch(
    lengths: list[int], rows: int
) -> None:
    shop = Shop(OPEN, max_rows=128)
    for length in lengths:
        shop.add(rows, length)
    assert sum(shop.capacities) <= 4 * rows * len(lengths)


async def test_made_up_shapes_whose_rows_were_given_up_are_forgotten(opened: Shop) -> None:
    arrays = []
    for length in range(1, 300):
        entry = opened.reserve(1, length)
        arrays.append(entry.batch)
    opened.add(1, 7)
    assert opened.queue.reserve(1, entry.future, ((250,),)).batch not in arrays
    assert opened.sizes() == [[1]]


@given(rows=st.lists(st.integers(1, 3), min_size=1, max_size=40))
async def test_a_batch_of_open_shape_grows_without_losing_a_row(rows: list[int]) -> None:
    shop = Shop(OPEN, max_rows=1000)
    for number, each in enumerate(rows):
        shop.add(each, 2, fill=float(number))
    batch = shop.take()
    assert [entry.rows for entry in batch.entries] == rows
    wanted = [[float(number)] * 2 for number, each in enumerate(rows) for _ in range(each)]
    assert batch.tensors()["x"].tolist() == wanted
    assert len(shop.capacities) <= 8


@given(requests=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 60)), max_size=60))
async def test_no_batch_of_open_shape_exceeds_its_rows_or_elements_and_a_single_row_always_fits(
    requests: list[tuple[int, int]],
) -> None:
    shop = Shop(OPEN, max_rows=8, max_elements=50)
    added = 0
    for wanted, length in requests:
        rows = min(wanted, shop.limits.most_rows(((length,),)))  # a request of more is divided before
        shop.add(rows, length)
        added += rows
    taken = list(iter(shop.queue.take, None))
    assert sum(batch.filled for batch in taken) == added
    for batch in taken:
        assert batch.filled <= 8
        assert batch.inputs["x"].size <= 50 or batch.filled == batch.capacity == 1


def test_most_rows_follow_from_rows_and_elements() -> None:
    limits = BatchLimits(max_rows=8, max_wait_seconds=0, max_elements=100)
    assert limits.most_rows(()) == 8
    assert limits.most_rows(((30,),)) == 3
    assert limits.most_rows(((20,), (5, 2))) == 3
    assert limits.most_rows(((3,),)) == 8
    assert limits.most_rows(((1000,),)) == 1
    assert limits.most_rows(((0,),)) == 8


async def test_a_batch_that_is_full_by_its_elements_is_due_at_once() -> None:
    shop = Shop(OPEN, max_rows=8, max_wait=2.0, max_elements=10)
    shop.add(1, 5, at=10.0)
    assert shop.queue.due_at == 12.0
    shop.add(1, 5, at=11.0)
    assert shop.queue.due_at == 10.0
    assert shop.queue.gathering() is None


async def test_elements_do_not_bound_rows_of_fixed_shape() -> None:
    shop = Shop(flat_signature(100, "FP64"), max_elements=10)
    shop.add(8)
    assert shop.sizes() == [[8]]
