"""A question and the queue: rows are written where the model reads them, or do not count."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientError
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.batch_queue import BatchQueue, Entry
from plimsoll.tasks.number_rows import RowReader
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel, flat_signature

SIGNATURE = flat_signature(2, minimum=0, maximum=1)
bodies = st.sampled_from(
    [
        b'{"features": [0.5, 0.25]}',
        b'{"instances": [[0, 1], [1, 0], [0.5, 0.5]]}',
        b'{"instances": [[0, 1], [1, 2]]}',
        b'{"instances": [[0, 1], [1]]}',
        b'{"features": [0.5',
        b'{"instances": []}',
        b"",
    ]
)


class Line:
    """A queue and what was asked of it."""

    def __init__(self) -> None:
        self.queue = BatchQueue(EchoModel(SIGNATURE).new_batch, BatchLimits(max_rows=8, max_wait_seconds=0.0))
        self.reserved: list[int] = []

    def reserve(self, rows: int) -> Entry:
        self.reserved.append(rows)
        return self.queue.reserve(rows, asyncio.get_running_loop().create_future())

    def decode(self, body: bytes) -> Entry:
        question = RowReader(SIGNATURE).read(body)
        entry = self.reserve(question.rows)
        question.write(entry.inputs)
        return entry


@given(requests=st.lists(bodies, min_size=1, max_size=12))
async def test_whatever_was_refused_between_them_the_good_rows_lie_side_by_side(requests: list[bytes]) -> None:
    line = Line()
    wanted: list[list[float]] = []
    for body in requests:
        try:
            entry = line.decode(body)
        except ClientError:
            continue
        line.queue.commit(entry, now=0.0, deadline=1.0)
        document = orjson.loads(body)
        wanted += document.get("instances") or [document["features"]]
    computed: list[list[float]] = []
    while (batch := line.queue.take()) is not None:
        assert batch.filled <= 8
        computed += batch.tensors()["x"].tolist()
    assert computed == wanted


@pytest.mark.parametrize("body", [b"", b"{", b'{"features": "x"}', b'{"instances": []}', b'{"feature": [0, 1]}'])
async def test_a_body_that_has_no_rows_reserves_none(body: bytes) -> None:
    line = Line()
    with pytest.raises(ClientError):
        line.decode(body)
    assert line.reserved == []


async def test_as_many_rows_are_reserved_as_the_request_has() -> None:
    line = Line()
    line.decode(b'{"features": [0, 1]}')
    line.decode(b'{"instances": [[0, 1], [1, 0], [1, 1]]}')
    assert line.reserved == [1, 3]


@given(
    width=st.integers(1, 3),
    values=st.lists(st.floats(-2, 2, width=32), min_size=12, max_size=12),
    named=st.booleans(),
)
def test_the_rows_one_by_one_are_written_as_all_together_or_fail_by_their_index(
    width: int, values: list[float], named: bool
) -> None:
    signature = flat_signature(width, minimum=-1, maximum=1)
    rows = [values[at : at + width] for at in range(0, 12, width)][:4]
    if named:
        body = orjson.dumps({"instances": [{"x": row} for row in rows]})
        read = TensorTask(signature).read
    else:
        body = orjson.dumps({"instances": rows})
        read = RowReader(signature).read  # type: ignore[assignment]
    bad = [index for index, row in enumerate(rows) if any(abs(number) > 1 for number in row)]
    model = EchoModel(signature)
    if named and bad:
        with pytest.raises(ClientError) as caught:  # numbers of tensors are checked when they are read
            read(body)
        assert caught.value.index == bad[0]
        return
    question = read(body)
    for index, row in enumerate(rows):
        alone, inputs = question.row(index), model.new_batch(1)
        assert (alone.rows, alone.user, alone.shapes, alone.padding) == (1, None, (), 0)
        if index in bad:
            with pytest.raises(ClientError) as caught:
                alone.write(inputs)
            assert caught.value.index == index
        else:
            alone.write(inputs)
            assert inputs["x"].tolist() == [row]
