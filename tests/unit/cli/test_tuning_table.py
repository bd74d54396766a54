from __future__ import annotations

import io

from plimsoll.cli.tuning_table import ShownProgress, outcome, print_table, remark, table_width, time_in_words
from plimsoll.runtime.tuning.candidates import Candidate
from plimsoll.runtime.tuning.evaluation import Comparison, Figure, Loss
from plimsoll.runtime.tuning.tuner import PRESENT, Tuning
from rich.console import Console

SAME = Comparison(Figure(1.0, 0.99, 1.0), 0.0, within=True, quality=Figure(0.961, 0.947, 0.971), loss=Loss(0.0, 0.002))


def tuning() -> Tuning:
    present = Candidate(PRESENT, "present", comparison=SAME)
    present.note_turns({1: [100.0] * 3}, {1: [100.0] * 3})
    kept = Candidate("faster", "fit", comparison=SAME._replace(difference=8e-7))
    kept.note_turns({1: [25.0] * 3}, {1: [100.0] * 3})
    return Tuning([present, kept, Candidate("absent", "left out", "it is not installed")], kept)


def test_each_candidate_has_a_line_and_each_reason_a_sentence() -> None:
    shown = io.StringIO()
    print_table(Console(file=shown, width=160), tuning(), [1], "accuracy")
    lines = [" ".join(line.split()) for line in shown.getvalue().splitlines()]
    assert lines == [
        "candidate 1 row speed accuracy answered alike off by",
        "present bundle 100 µs 1.00x 96.1% (94.7% to 97.1%)",
        "faster 25 µs 4.00x 96.1% (94.7% to 97.1%) 100.00% 8e-07 kept",
        "absent left out",
        "absent: it is not installed",
    ]
    errors = io.StringIO()
    print_table(Console(file=errors, width=160), tuning(), [1], "mean absolute error")
    assert "0.961 (0.947 to 0.971)" in errors.getvalue()
    numbers = io.StringIO()
    print_table(Console(file=numbers, width=160), tuning(), [1], None)
    assert "accuracy" not in numbers.getvalue()


def test_the_end_says_what_is_kept() -> None:
    assert outcome("digits", "1", tuning()) == "faster is 4.00 times as fast as digits 1"
    assert outcome("digits", "1", tuning()._replace(chosen=None)) == (
        "digits 1 stays: no candidate that keeps its answers is at least 1.05 times as fast; nothing was written"
    )


def test_turns_that_differ_much_are_remarked() -> None:
    found = tuning()
    assert remark(found) == ""
    found.candidates[1].note_turns({1: [10.0, 25.0, 90.0]}, {1: [100.0] * 3})
    assert remark(found).startswith("the turns of a candidate differ by a factor of 2.7 between their quartiles")


def test_times_have_three_digits() -> None:
    assert [time_in_words(each) for each in (18.23, 999.4, 1229, 125_400)] == ["18.2 µs", "999 µs", "1.23 ms", "125 ms"]


def test_steps_are_lines_where_nobody_looks_at_a_terminal() -> None:
    shown = io.StringIO()
    console = Console(file=shown)
    with ShownProgress(console) as progress:
        progress.step("making [this]")
        progress.turn(1, 2)
    assert shown.getvalue() == "making [this]\n"
    assert table_width(console) == 160


def test_a_terminal_has_a_bar() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    with ShownProgress(console) as progress:
        progress.step("measuring")
        progress.turn(1, 2)
    assert "measuring" in shown.getvalue()
    assert table_width(console) == 100
