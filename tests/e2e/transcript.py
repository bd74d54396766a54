"""What a run found, for people: counts that were asserted, and times and sizes that were only written down."""

from __future__ import annotations

import os
from pathlib import Path


class Transcript:
    """A list of findings, in the order in which they were made."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str]] = []

    def note(self, what: str, value: object) -> None:
        """Add a finding."""
        self._rows.append((what, str(value)))

    def markdown(self) -> str:
        """A table of all findings."""
        return "\n".join(["| what | value |", "|---|---|", *(f"| {what} | {value} |" for what, value in self._rows)])

    def publish(self) -> None:
        """Append the table to the file of PLIMSOLL_E2E_TRANSCRIPT, where that is set."""
        target = os.environ.get("PLIMSOLL_E2E_TRANSCRIPT")
        if target and self._rows:
            with Path(target).open("a", encoding="utf-8") as file:
                file.write(f"\n## End to end\n\n{self.markdown()}\n")
