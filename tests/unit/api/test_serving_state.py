from __future__ import annotations

import asyncio

import pytest
from plimsoll.api.serving_state import Phase, ServingState


async def test_a_fresh_server_is_starting_and_idle() -> None:
    state = ServingState()
    await state.idle()
    assert (state.phase, state.in_flight, state.stopping) == (Phase.STARTING, 0, False)


@pytest.mark.parametrize(("phase", "stopping"), [*zip(Phase, [False, False, True, True], strict=True)])
async def test_clients_should_go_elsewhere_from_leaving_on(*, phase: Phase, stopping: bool) -> None:
    state = ServingState()
    state.phase = phase
    assert state.stopping == stopping


async def test_it_is_idle_when_the_last_of_several_requests_has_left() -> None:
    state = ServingState()
    state.enter()
    state.enter()
    waiting = asyncio.create_task(state.idle())
    state.leave()
    await asyncio.sleep(0)
    assert (state.in_flight, waiting.done()) == (1, False)
    state.leave()
    await waiting
    assert state.in_flight == 0


async def test_it_can_be_busy_again_after_it_was_idle() -> None:
    state = ServingState()
    for _ in range(2):
        state.enter()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(state.idle(), 0.01)
        state.leave()
        await state.idle()


async def test_streams_and_sessions_hear_of_the_two_moments_of_a_stop() -> None:
    state = ServingState()
    refusing, cutting_off = asyncio.create_task(state.refusing()), asyncio.create_task(state.cutting_off())
    await asyncio.sleep(0)
    assert not refusing.done()
    state.refuse()
    await refusing
    assert (state.phase, state.cuts_off, cutting_off.done()) == (Phase.REFUSING, False, False)
    state.cut_off()
    await cutting_off
    assert state.cuts_off
