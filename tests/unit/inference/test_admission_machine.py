"""Neither bound is ever broken and nothing leaks, whatever the bodies and requests of one version do."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule
from plimsoll.errors import Draining, Overloaded
from plimsoll.inference.admission import Admission, AdmissionLimits, Permit

BYTES = 100


@dataclass(eq=False)
class Request:
    """One request as its client knows it."""

    permit: Permit
    block: ExitStack = field(default_factory=ExitStack)
    reading: bool = False
    complete: bool = False
    bytes: int = 0


class AdmissionMachine(RuleBasedStateMachine):
    requests = Bundle("requests")

    @initialize(most=st.integers(1, 3), reading=st.one_of(st.none(), st.integers(1, 4)))
    def start(self, most: int, reading: int | None) -> None:
        self.loop = asyncio.new_event_loop()
        self.limits = AdmissionLimits(most, BYTES, reading)
        self.admission = Admission(self.limits, lambda _: 1)
        self.inside: list[Request] = []
        self.closed = False

    def count(self, *, reading: bool = False, complete: bool = False) -> int:
        return sum((each.reading and reading) or (each.complete and complete) for each in self.inside)

    @property
    def held(self) -> int:
        return sum(each.bytes for each in self.inside)

    @rule(target=requests)
    def come(self) -> Request | None:
        full = self.count(complete=True) >= self.limits.requests or self.held >= BYTES
        try:
            request = Request(self.admission.expect())
        except Draining:
            assert self.closed
            return None
        except Overloaded:
            assert full
            return None
        assert not full
        assert not self.closed
        request.block.enter_context(request.permit)
        self.inside.append(request)
        return request

    @rule(request=requests)
    def wait(self, request: Request | None) -> None:
        if request not in self.inside or request.complete or request.reading:
            return
        full = self.count(reading=True) >= self.limits.reading
        try:
            request.permit.wait_for_body()
        except Overloaded:
            assert full
            self.end(request)
        else:
            assert not full
            request.reading = True

    @rule(request=requests, more=st.integers(0, 150))
    def receive(self, request: Request | None, more: int) -> None:
        if request not in self.inside or request.complete:
            return
        fits = self.held + more <= BYTES or self.held == request.bytes or not more
        try:
            request.permit.received(more)
        except Overloaded:
            assert not fits
            self.end(request)
        else:
            assert fits
            request.bytes += more

    @rule(request=requests)
    def complete(self, request: Request | None) -> None:
        if request not in self.inside or request.complete:
            return
        full = self.count(complete=True) >= self.limits.requests
        try:
            request.permit.complete()
        except Overloaded:
            assert full
            self.end(request)
        else:
            assert not full
            request.complete, request.reading = True, False

    @rule(request=consumes(requests))
    def leave(self, request: Request | None) -> None:
        if request in self.inside:
            self.end(request)

    @precondition(lambda self: not self.closed)
    @rule(really=st.sampled_from([False, False, False, True]))
    def close(self, really: bool) -> None:
        if really:
            self.admission.close()
            self.closed = True

    def end(self, request: Request) -> None:
        request.block.close()
        self.inside.remove(request)

    @invariant()
    def what_is_counted_is_what_is_held(self) -> None:
        if not hasattr(self, "admission"):
            return
        admission = self.admission
        assert admission.bodies_being_read == self.count(reading=True) <= self.limits.reading
        assert admission.requests_in_flight == self.count(complete=True) <= self.limits.requests
        assert admission.bytes_in_flight == self.held
        assert self.held <= BYTES or sum(each.bytes > 0 for each in self.inside) == 1
        assert self.loop.run_until_complete(self.is_idle()) == (not self.count(reading=True, complete=True))

    async def is_idle(self) -> bool:
        waiting = asyncio.create_task(self.admission.idle())
        await asyncio.sleep(0)
        idle = waiting.done()
        waiting.cancel()
        return idle

    def teardown(self) -> None:
        for request in list(getattr(self, "inside", ())):
            self.end(request)
        if hasattr(self, "admission"):
            self.what_is_counted_is_what_is_held()
            self.loop.close()


AdmissionMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAdmission = AdmissionMachine.TestCase
