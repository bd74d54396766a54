"""Prints the findings of a tuning as a table, and what it does while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from plimsoll.runtime.tuning.candidates import LEAST_SPEED, Candidate, Standing
from plimsoll.runtime.tuning.evaluation import Figure, RightClasses
from plimsoll.runtime.tuning.tuner import PRESENT, Tuning

_STYLES: dict[Standing, str] = {"fit": "green", "refused": "red", "left out": "yellow"}
_MILLISECOND = 1000
_WIDEST = 160
_UNSTEADY = 1.5


class ShownProgress:
    """Shows the steps of a tuning on standard error: a bar on a terminal, or else a line for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> ShownProgress:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def step(self, sentence: str) -> None:
        """Show what is done next."""
        if self._console.is_terminal:
            self._bar.update(self._task, description=sentence)
        else:
            self._console.print(Text(sentence))

    def turn(self, done: int, of: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=of)


def print_table(console: Console, tuning: Tuning, sizes: Sequence[int], measure: str | None) -> None:
    """Print a row for each candidate, and below it why some are not kept."""
    table = Table(box=None, pad_edge=False)
    table.add_column("candidate")
    for size in sizes:
        table.add_column(f"{size} row{'' if size == 1 else 's'}", justify="right")
    for name in ("speed", *([measure] if measure else []), "answered alike", "off by"):
        table.add_column(name, justify="right")
    table.add_column("")
    for each in tuning.candidates:
        table.add_row(*_cells(each, sizes, measure), _word(each, tuning))
    console.print(table)
    for each in tuning.candidates:
        if each.reason:
            console.print(Text.assemble((f"{each.name}: ", "bold"), each.reason))


def table_width(console: Console) -> int:
    """The width of the table: that of a terminal, or else one that every column fits into."""
    return console.width if console.is_terminal else _WIDEST


def outcome(name: str, version: str, tuning: Tuning) -> str:
    """One sentence about the candidate that is kept."""
    if tuning.chosen is not None:
        return f"{tuning.chosen.name} is {tuning.chosen.speed:.2f} times as fast as {name} {version}"
    return (
        f"{name} {version} stays: no candidate that keeps its answers is at least {LEAST_SPEED:g} times as fast; "
        "nothing was written"
    )


def remark(tuning: Tuning) -> str:
    """A sentence about turns that differ so much that their medians mean little; empty if they do not."""
    speeds = [speed for each in tuning.candidates for speed in each.speeds.values()]
    if all(speed.high <= _UNSTEADY * speed.low for speed in speeds):
        return ""
    return (
        f"the turns of a candidate differ by a factor of {max(speed.high / speed.low for speed in speeds):.2g} between "
        "their quartiles: other work keeps the processors busy; repeat it on a quiet machine"
    )


def _word(candidate: Candidate, tuning: Tuning) -> Text:
    if tuning.chosen is candidate:
        return Text("kept", "bold green")
    words = {"fit": "passes", "present": "", "comparison": "for comparison"}
    return Text(words.get(candidate.standing, candidate.standing), _STYLES.get(candidate.standing, ""))


def _cells(candidate: Candidate, sizes: Sequence[int], measure: str | None) -> list[str]:
    cells = [candidate.name]
    for size in sizes:
        found = candidate.times.get(size)
        cells.append("" if found is None else time_in_words(found.median))
    cells.append(f"{candidate.speed:.2f}x" if candidate.speeds else "")
    compared = candidate.comparison
    if measure is not None:
        interval = _percent if measure == RightClasses.measure else _number
        cells.append("" if compared is None or compared.quality is None else interval(compared.quality))
    if compared is None or candidate.name == PRESENT:
        return [*cells, "", ""]
    return [*cells, f"{compared.agreement.value:.2%}", f"{compared.difference:.2g}"]


def time_in_words(microseconds: float) -> str:
    """A time with three digits, in microseconds or milliseconds."""
    if microseconds < _MILLISECOND:
        return f"{microseconds:.3g} µs"
    return f"{microseconds / _MILLISECOND:.3g} ms"


def _percent(figure: Figure) -> str:
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"


def _number(figure: Figure) -> str:
    return f"{figure.value:.3g} ({figure.low:.3g} to {figure.high:.3g})"
