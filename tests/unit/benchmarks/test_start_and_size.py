from __future__ import annotations

from benchmarks.start_and_size import Stage, by_stage, told


def test_a_stage_stands_with_the_medians_of_its_starts() -> None:
    starts = [[Stage("imports", wall, cpu), Stage("warm-up", 1, 1)] for wall, cpu in ((3, 0.5), (1, 0.7), (2, 0.6))]
    assert by_stage(starts) == [Stage("imports", 2, 0.6), Stage("warm-up", 1, 1)]


def test_the_stages_are_told_in_their_order_and_then_together() -> None:
    assert told([Stage("imports", 0.5, 0.25), Stage("warm-up", 0.25, 0.125)]) == [
        ("stage 1: imports", "0.50 s, 0.25 s of CPU"),
        ("stage 2: warm-up", "0.25 s, 0.12 s of CPU"),
        ("all stages", "0.75 s, 0.38 s of CPU"),
    ]
