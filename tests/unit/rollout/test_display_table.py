from __future__ import annotations

import io

from plimsoll.rollout.display import Display
from plimsoll.rollout.display_table import LiveTable
from rich.console import Console

from tests.unit.rollout.test_display_lines import looked
from tests.unit.rollout.test_state import recorded


def test_a_terminal_gets_lines_and_a_table_that_is_kept_up_to_date() -> None:
    stream = io.StringIO()
    _, record = recorded()
    with LiveTable(Console(file=stream, force_terminal=True, width=160, color_system=None)) as table:
        display: Display = table
        display.note("a [red]note[/red]")
        display.look(looked("fail"))
        display.event("back", "rolling back: the reason", record)
        display.commit({"canary": {"weight": 5}})
    shown = stream.getvalue()
    for text in ("a [red]note[/red]", "add the canary (canary.weight 5)", "1000 of 200", "100 ms (84.7 to 124)",
                 "fail: the reason", "evidence 1.5 of 20, 10 minutes left", "rolling back", "weight: 5"):  # fmt: skip
        assert text in shown
