from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import Draining, Overloaded
from plimsoll.inference.admission import Admission, AdmissionLimits


def admission(requests: int = 3, bytes_: int = 100, retry_after: int = 7) -> Admission:
    return Admission(AdmissionLimits(requests, bytes_), lambda _: retry_after)


def in_flight(door: Admission) -> tuple[int, int]:
    return door.requests_in_flight, door.bytes_in_flight


@given(requests=st.integers(1, 25_000))
def test_without_a_bound_of_its_own_four_bodies_may_be_read_for_each_request(requests: int) -> None:
    assert AdmissionLimits(requests, 1).reading == 4 * requests
    assert AdmissionLimits(requests, 1, 7).reading == 7


async def test_as_many_requests_get_in_as_the_limit_says_and_the_next_is_told_when_to_come_back() -> None:
    door = admission(requests=3)
    with door.admit(1), door.admit(1), door.admit(1):
        with pytest.raises(Overloaded) as caught:
            door.admit(1)
        assert in_flight(door) == (3, 3)
    assert caught.value.retry_after_seconds == 7
    assert caught.value.expected == "at most 3 requests and 100 bytes in flight"
    assert caught.value.given == "3 requests are in flight"
    assert in_flight(door) == (0, 0)


async def test_the_time_to_come_back_is_of_the_moment_and_not_of_the_class() -> None:
    waits = iter([5, 9])
    door = Admission(AdmissionLimits(1, 100), lambda _: next(waits))
    with door.admit(1):
        for seconds in (5, 9):
            with pytest.raises(Overloaded) as caught:
                door.admit(1)
            assert caught.value.retry_after_seconds == seconds
    assert Overloaded.retry_after_seconds == 1


@pytest.mark.parametrize(("second", "admitted"), [(0, True), (40, True), (41, False), (10_000, False)])
async def test_the_bytes_of_all_bodies_are_bounded_together(*, second: int, admitted: bool) -> None:
    door = admission(bytes_=100)
    with door.admit(60):
        if admitted:
            with door.admit(second):
                assert door.bytes_in_flight == 60 + second
        else:
            with pytest.raises(Overloaded) as caught:
                door.admit(second)
            assert caught.value.given == "60 bytes are in flight"
            assert in_flight(door) == (1, 60)


async def test_a_body_longer_than_the_limit_gets_in_alone_and_keeps_others_out() -> None:
    door = admission(bytes_=100)
    with door.admit(10_000):
        with pytest.raises(Overloaded):
            door.admit(1)
        assert in_flight(door) == (1, 10_000)
    with door.admit(100):
        assert in_flight(door) == (1, 100)


async def test_beside_requests_without_a_body_a_long_one_is_still_alone() -> None:
    door = admission(bytes_=100)
    with door.admit(0), door.admit(10_000):
        assert in_flight(door) == (2, 10_000)


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
async def test_a_permit_is_given_back_however_its_block_ends(error: type[BaseException]) -> None:
    door = admission()
    with pytest.raises(error), door.admit(50):
        raise error
    assert in_flight(door) == (0, 0)


async def test_the_permit_of_a_task_that_is_cancelled_is_given_back() -> None:
    door = admission()

    async def wait() -> None:
        with door.admit(50):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    assert in_flight(door) == (1, 50)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert in_flight(door) == (0, 0)


async def test_once_closed_nobody_gets_in_and_those_inside_go_on() -> None:
    door = admission(requests=1)
    with door.admit(1):
        door.close()
        with pytest.raises(Draining) as caught:
            door.admit(1)  # not 429: waiting would not help here
        assert caught.value.status == 503
        assert in_flight(door) == (1, 1)
        leaving = asyncio.create_task(door.idle())
        await asyncio.sleep(0)
        assert not leaving.done()
    await leaving
    await door.idle()


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 150)), max_size=40)


@given(steps=steps, requests=st.integers(1, 5))
async def test_whoever_comes_and_goes_neither_bound_is_broken_and_nothing_leaks(
    steps: list[tuple[bool, int]], requests: int
) -> None:
    door = admission(requests)
    inside: list[tuple[ExitStack, int]] = []
    for comes, number in steps:
        if comes:
            stack = ExitStack()
            try:
                stack.enter_context(door.admit(number))
            except Overloaded:
                held = sum(length for _, length in inside)
                assert len(inside) == requests or (held > 0 and held + number > 100)
            else:
                inside.append((stack, number))
        elif inside:
            stack, _ = inside.pop(number % len(inside))
            stack.close()
        assert in_flight(door) == (len(inside), sum(length for _, length in inside))
        assert len(inside) <= requests
        assert door.bytes_in_flight <= 100 or sum(length > 0 for _, length in inside) == 1
    for stack, _ in inside:
        stack.close()
    await door.idle()
    assert in_flight(door) == (0, 0)
