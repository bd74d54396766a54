"""Runs hypothesis over the cases: as many as one asks for, the same for the same seed, and the smallest one that fails."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.differential.cases import Case, cases


def check_cases(check: Callable[[Case], None], count: int, start: int = 0, *, shrink: bool = True) -> None:
    """Give `count` cases to `check`; what it raises of the smallest case that fails comes out of here."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

    @seed(start)
    @settings(
        max_examples=count,
        phases=phases,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def every_case(case: Case) -> None:
        check(case)

    every_case()
