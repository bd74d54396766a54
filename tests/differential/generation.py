"""Runs hypothesis over the cases: as many as one asks for, the same for the same seed, and the smallest that fails."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS

from tests.differential.cases import Case, cases

# Under its own name this backend spends most of the budget on copies of one part of an example in place of another:
# of 10 000 cases 7 000 were the only ones of their kind, and of as many in lists of ten, 2 000. As a foreign backend it
# makes each example anew.
_BACKEND = "hypothesis-without-mutations"
AVAILABLE_PROVIDERS[_BACKEND] = AVAILABLE_PROVIDERS["hypothesis"]
_IN_A_ROW = 10
"""Cases of one example: much of what hypothesis does, it does once an example."""


def check_cases(check: Callable[[Case], None], count: int, start: int = 0, *, shrink: bool = True) -> None:
    """Give `count` cases or a few more to `check`; what it raises of the smallest that fails comes out of here."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

    @seed(start)
    @settings(
        max_examples=-(-count // _IN_A_ROW),
        phases=phases,
        backend=_BACKEND,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(row=st.lists(cases(), min_size=_IN_A_ROW, max_size=_IN_A_ROW))
    def every_case(row: list[Case]) -> None:
        for case in row:
            check(case)

    every_case()
