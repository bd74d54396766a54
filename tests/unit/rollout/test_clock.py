from __future__ import annotations

import time

import pytest
from plimsoll.rollout.clock import SteadyClock, Stopped


def test_it_is_ahead_by_its_offset_and_does_not_follow_the_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteadyClock(3600)
    assert 3590 < clock.now() - time.time() < 3610
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() >= before


def test_a_stop_ends_this_wait_and_the_next() -> None:
    clock = SteadyClock()
    clock.sleep(0)
    clock.stop()
    for _ in range(2):
        with pytest.raises(Stopped, match="the split stays as it is"):
            clock.sleep(60)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has this clock")
def test_it_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteadyClock()
    now, steady, awake = clock.now(), clock.monotonic(), time.clock_gettime
    slept = {time.CLOCK_BOOTTIME: 3600.0}
    monkeypatch.setattr(time, "clock_gettime", lambda which: awake(which) + slept.get(which, 0.0))
    assert clock.now() - now >= 3600
    assert clock.monotonic() - steady >= 3600
