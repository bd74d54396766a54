"""Shows a rollout as lines: sentences for people, or JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import yaml

from plimsoll.rollout.display import EventKind, Look
from plimsoll.rollout.release_values import Values
from plimsoll.rollout.shown_look import ShownLook, milliseconds, percent, shown
from plimsoll.rollout.state import Record

Write = Callable[[str], None]
COMMIT = "commit these values and let them be applied; the rollout goes on when the release holds them"


class PlainLines:
    """One line for each thing that happens. A sentence that repeats itself is written once."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._last = ""

    def note(self, sentence: str) -> None:
        """As `Display.note`."""
        self._line(sentence)

    def event(self, kind: EventKind, sentence: str, record: Record) -> None:
        """As `Display.event`."""
        del kind, record
        self._line(sentence)

    def look(self, look: Look) -> None:
        """As `Display.look`."""
        self._line(summary(shown(look)))

    def commit(self, changes: Values) -> None:
        """As `Display.commit`."""
        self._line(f"{COMMIT}:\n{yaml.safe_dump(dict(changes), sort_keys=False).rstrip()}")

    def _line(self, text: str) -> None:
        if text != self._last:
            self._last = text
            self._write(f"{datetime.now(UTC):%H:%M:%S} {text}")


class JsonLines:
    """One JSON object a line, each with `time` and `event`."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def note(self, sentence: str) -> None:
        """As `Display.note`."""
        self._object("note", {"message": sentence})

    def event(self, kind: EventKind, sentence: str, record: Record) -> None:
        """As `Display.event`."""
        facts = {"message": sentence, "stage": record.stage.name, "route": record.route, "weight": record.weight}
        self._object(kind, facts | ({"outcome": record.outcome} if record.outcome else {}))

    def look(self, look: Look) -> None:
        """As `Display.look`."""
        self._object("look", shown(look).as_json())

    def commit(self, changes: Values) -> None:
        """As `Display.commit`."""
        self._object("commit", {"message": COMMIT, "values": dict(changes)})

    def _object(self, event: str, facts: dict[str, Any]) -> None:
        written = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts}
        self._write(json.dumps(_finite(written), allow_nan=False))


def summary(look: ShownLook) -> str:
    """A look in one line."""
    needed = "" if look.needed is None else f" of {look.needed:.0f}"
    return (
        f"{look.stage}: {look.result}; canary {look.canary.requests:.0f}{needed} requests, p95 "
        f"{milliseconds(look.canary.p95_seconds)}, failed {percent(look.canary.failed)}; stable "
        f"{look.stable.requests:.0f} requests, p95 {milliseconds(look.stable.p95_seconds)}, failed "
        f"{percent(look.stable.failed)}; evidence {look.evidence:.3g} of {look.threshold:.3g}; "
        f"{look.minutes_left:.0f} minutes left; {look.reason}"
    )


def _finite(value: Any) -> Any:  # noqa: ANN401  # any part of a JSON document
    """The same without infinite numbers, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
