"""One look at a rollout, as the facts that every display shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from plimsoll.rollout.display import Look
from plimsoll.rollout.track_figures import Figure, TrackFigures, figures

_MILLISECONDS = 1000.0


@dataclass(frozen=True, slots=True)
class ShownLook:
    """The facts of one look. `needed` is the number of requests of the canary after which the step passes."""

    stage: str
    weight: int
    result: str
    reason: str
    evidence: float
    threshold: float
    needed: float | None
    minutes_left: float
    canary: TrackFigures
    stable: TrackFigures

    def as_json(self) -> dict[str, Any]:
        """The facts as JSON; durations in seconds."""
        return asdict(self)


def shown(look: Look) -> ShownLook:
    """The facts of a look; the figures of both tracks are those of the present step."""
    since = look.record.counting_from or 0.0
    verdict = look.verdict
    return ShownLook(
        stage=look.record.stage.name,
        weight=look.record.weight,
        result="held" if look.record.held and verdict.result != "fail" else verdict.result,
        reason=look.record.reason if look.record.held else verdict.reason,
        evidence=verdict.evidence,
        threshold=verdict.threshold,
        needed=verdict.needed,
        minutes_left=max(0.0, look.seconds_left / 60),
        canary=figures(look.intervals, "canary", since),
        stable=figures(look.intervals, "stable", since),
    )


def milliseconds(figure: Figure) -> str:
    """A duration with its interval, as `52 ms (48 to 57)`."""
    return _written(figure, _MILLISECONDS, "ms")


def percent(figure: Figure) -> str:
    """A share with its interval, as `0.5 % (0.2 to 1.1)`."""
    return _written(figure, 100.0, "%")


def _written(figure: Figure, scale: float, unit: str) -> str:
    if figure.value is None:
        return "-"
    low = "?" if figure.low is None else f"{figure.low * scale:.3g}"
    high = "?" if figure.high is None else f"{figure.high * scale:.3g}"
    return f"{figure.value * scale:.3g} {unit} ({low} to {high})"
