"""Bodies of tables that are wrong in some way, or perhaps not, drawn from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    None, True, "", "x", "\ud800", "\N{COMBINING ACUTE ACCENT}" * 50, "a" * 5000,
    0, -1, 1.5, 10**400, 1e308, -1e39, [], [1], {}, {"a": 1},
)  # fmt: skip


def odd_bodies(row: dict[str, Any], seed: int, number: int) -> Iterator[tuple[str, bytes]]:
    """Media types and bodies made of this row, most of them wrong."""
    drawn = random.Random(seed)  # noqa: S311  # a test is the same each time
    for _ in range(number):
        odd = {**row}
        for _ in range(drawn.randrange(3)):
            name = drawn.choice([*row, "another", ""])
            odd[name] = drawn.choice(ODD_VALUES)
        if drawn.random() < 0.3:
            del odd[drawn.choice(list(odd))]
        if drawn.random() < 0.3:
            yield "text/csv", _csv(odd, drawn)
            continue
        field = drawn.choice(["columns", "instances", "features"])
        content = json.dumps({field: [row, odd] if drawn.random() < 0.5 else odd}).encode()
        if drawn.random() < 0.2:
            at = drawn.randrange(len(content))
            content = content[:at] + bytes([drawn.randrange(256)]) + content[at + drawn.randrange(4) :]
        yield "application/json", content


def _csv(row: dict[str, Any], drawn: random.Random) -> bytes:
    cells = [str(value)[:60] for value in row.values()]
    drawn.shuffle(cells)
    lines = [",".join(row), ",".join(cells), ",".join(cells[: drawn.randrange(1, len(cells) + 1)])]
    return "\n".join(lines[: drawn.randrange(1, 4)]).encode(errors="replace")
