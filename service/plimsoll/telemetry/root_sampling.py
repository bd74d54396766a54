"""Predicts the decision of a sampler about a new trace, so that the sampler is asked only if it must be."""

from __future__ import annotations

from opentelemetry import context
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, StaticSampler, TraceIdRatioBased
from opentelemetry.trace import SpanKind

NO_PARENT = context.Context()
_LOW_BITS = TraceIdRatioBased.TRACE_ID_LIMIT


class RootSampling:
    """Decides whether requests without a trace are sampled.

    For them OpenTelemetry's own samplers use only the trace id: whether its low 64 bits are below a bound. This class
    compares directly, because a call of such a sampler builds a result and looks for a parent in three places, at four
    times the cost. It calls any other sampler.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._bound = _bound_of(sampler)
        self.wants_none = self._bound == 0
        """Whether it samples none of them, whatever their trace ids."""

    def wants(self, trace_id: int, name: str) -> bool:
        """Whether to build the span `name` that begins this trace."""
        if self._bound is not None:
            return trace_id & _LOW_BITS < self._bound
        asked = self._sampler.should_sample(NO_PARENT, trace_id, name, SpanKind.SERVER)
        return asked.decision is not Decision.DROP


def _bound_of(sampler: Sampler) -> int | None:
    """The bound by which a sampler decides about roots; `None` if it may decide otherwise."""
    if type(sampler).should_sample is ParentBased.should_sample:
        sampler = sampler._root  # type: ignore[attr-defined]  # noqa: SLF001  # it tells this in no other way
    decides = type(sampler).should_sample
    if decides is StaticSampler.should_sample:
        asked = sampler.should_sample(NO_PARENT, 0, "")
        return 0 if asked.decision is Decision.DROP else _LOW_BITS + 1
    if isinstance(sampler, TraceIdRatioBased) and decides is TraceIdRatioBased.should_sample:
        return sampler.bound
    return None
