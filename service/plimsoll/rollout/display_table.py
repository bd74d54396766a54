"""Shows a rollout on a terminal: lines for what has happened, and below them a table that is kept up to date."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from plimsoll.rollout.display import EventKind, Look
from plimsoll.rollout.display_lines import PlainLines
from plimsoll.rollout.release_values import Values
from plimsoll.rollout.shown_look import ShownLook, milliseconds, percent, shown
from plimsoll.rollout.state import Record

_STYLES = {"pass": "green", "fail": "bold red", "held": "yellow", "hold": "yellow"}


class LiveTable:
    """A display for a terminal; use it as a context."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._lines = PlainLines(lambda line: console.print(Text(line)))

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def note(self, sentence: str) -> None:
        """As `Display.note`."""
        self._lines.note(sentence)

    def event(self, kind: EventKind, sentence: str, record: Record) -> None:
        """As `Display.event`."""
        self._lines.event(kind, sentence, record)

    def look(self, look: Look) -> None:
        """As `Display.look`."""
        self._live.update(table(shown(look)), refresh=True)

    def commit(self, changes: Values) -> None:
        """As `Display.commit`."""
        self._lines.commit(changes)


def table(look: ShownLook) -> Table:
    """The table of one look: a row for each track, and the verdict below."""
    made = Table(
        title=f"{look.stage} (canary.weight {look.weight})",
        caption=Text.assemble(
            (look.result, _STYLES.get(look.result, "bold")),
            f": {look.reason}\nevidence {look.evidence:.3g} of {look.threshold:.3g}, {look.minutes_left:.0f} minutes "
            "left",
        ),
        title_justify="left",
        caption_justify="left",
    )
    for name in ("track", "requests", "p95 (95 % confidence)", "failed (95 % confidence)"):
        made.add_column(name, justify="left" if name == "track" else "right")
    needed = "" if look.needed is None else f" of {look.needed:.0f}"
    for name, track, suffix in (("canary", look.canary, needed), ("stable", look.stable, "")):
        made.add_row(name, f"{track.requests:.0f}{suffix}", milliseconds(track.p95_seconds), percent(track.failed))
    return made
