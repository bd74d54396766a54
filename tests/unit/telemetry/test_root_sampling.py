"""The shortcut past a sampler says what the sampler says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanKind
from plimsoll.telemetry.root_sampling import NO_PARENT, RootSampling

STANDARD: list[Sampler] = [ALWAYS_ON, ALWAYS_OFF, DEFAULT_ON, DEFAULT_OFF]
TRACE_IDS = st.integers(1, 2**128 - 1)
RATES = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5, 2**-64])


class Asked(Sampler):
    """Wants spans of one name only, and counts how often it is asked."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.times = 0

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        *more: Any,
        **named: Any,
    ) -> SamplingResult:
        """By name."""
        del parent_context, trace_id, more, named
        self.times += 1
        return SamplingResult(Decision.RECORD_ONLY if name == self.wanted else Decision.DROP)

    def get_description(self) -> str:
        """Its name."""
        return "Asked"


class OddRatio(TraceIdRatioBased):
    """One that decides otherwise than the one it is made from."""

    def should_sample(self, *more: Any, **named: Any) -> SamplingResult:
        """Always."""
        del more, named
        return SamplingResult(Decision.RECORD_AND_SAMPLE)


@given(st.sampled_from(STANDARD) | RATES.map(TraceIdRatioBased) | RATES.map(ParentBasedTraceIdRatio), TRACE_IDS)
def test_it_says_of_every_trace_what_the_sampler_says(sampler: Sampler, trace_id: int) -> None:
    asked = sampler.should_sample(NO_PARENT, trace_id, "POST /v1/predict", SpanKind.SERVER)
    wanted = asked.decision is not Decision.DROP
    roots = RootSampling(sampler)
    assert roots.wants(trace_id, "POST /v1/predict") is wanted
    assert not (wanted and roots.wants_none)


@pytest.mark.parametrize(
    ("sampler", "none"),
    [
        (ALWAYS_OFF, True),
        (ParentBased(ALWAYS_OFF), True),
        (ParentBasedTraceIdRatio(0.0), True),
        (ParentBasedTraceIdRatio(0.01), False),
        (ALWAYS_ON, False),
        (Asked("this"), False),
    ],
)
def test_some_want_no_trace_at_all(sampler: Sampler, *, none: bool) -> None:
    assert RootSampling(sampler).wants_none is none


@given(RATES)
def test_the_bound_itself_is_outside(rate: float) -> None:
    sampler = TraceIdRatioBased(rate)
    for low in {max(sampler.bound - 1, 0), min(sampler.bound, 2**64 - 1)}:
        asked = sampler.should_sample(NO_PARENT, low, "x")
        assert RootSampling(sampler).wants(low, "x") is (asked.decision is not Decision.DROP)


@pytest.mark.parametrize("around", [lambda root: root, ParentBased])
def test_any_other_sampler_is_asked_each_time(around: type[ParentBased]) -> None:
    own = Asked("this")
    roots = RootSampling(around(own))
    own.times = 0
    assert [roots.wants(1, name) for name in ("this", "that", "this")] == [True, False, True]
    assert own.times == 3


def test_one_that_was_made_from_a_standard_one_and_decides_otherwise_is_asked_too() -> None:
    assert RootSampling(OddRatio(0.0)).wants(2**64 - 1, "x")
    assert RootSampling(ParentBased(OddRatio(0.0))).wants(2**64 - 1, "x")
