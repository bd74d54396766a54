"""What a run of the bench found, as it is written down and read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.open_loop import Outcome
from benchmarks.report import Occasion

FORMAT = 1
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Cell:
    """One round of the closed loop; `strangers_cores` is how many cores were busy with neither server nor load."""

    requests: int
    failures: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    wrk_core_share: float
    strangers_cores: float = 0.0


@dataclass(slots=True)
class Showing:
    """One server on one model; `closed` by connections, one cell for each round, as in `open`."""

    idle_mib: float
    idle_core_share: float
    rows_checked: int
    peak_mib: float = 0.0
    closed: dict[str, list[Cell]] = field(default_factory=dict)
    open: list[Outcome] = field(default_factory=list)


@dataclass(slots=True)
class WorkloadResult:
    """All servers on one model. `raw` is torch alone: rows per second by the rows of a batch, for each round.

    `took_seconds` is how long it took to start, check and measure all of them; 0 where an older result does not say.
    """

    about: str
    sizes: list[int]
    body_bytes: int = 0
    servers: dict[str, Showing] = field(default_factory=dict)
    raw: dict[str, list[float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    open_rate: float = 0.0
    took_seconds: float = 0.0


@dataclass(slots=True)
class Result:
    """A whole run."""

    occasion: Occasion
    command: str
    rounds: int
    seconds: float
    ours: str
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    tuned: dict[str, str] = field(default_factory=dict)
    workloads: dict[str, WorkloadResult] = field(default_factory=dict)
    format: int = FORMAT


def load(path: Path) -> Result:
    """Read a result.

    Raises:
        ValueError: the file does not hold one, or one of another format.
    """
    result = msgspec.json.decode(path.read_bytes(), type=Result)
    if result.format != FORMAT:
        raise ValueError(f"{path.name} is of format {result.format}; this reads {FORMAT}")
    return result


def save(result: Result, folder: Path, stem: str) -> Path:
    """Write a result into a new file, `<stem>.json` or, where there is one, `<stem>-2.json` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(result), indent=1)
    number = 1
    while True:
        path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        try:
            with path.open("xb") as file:
                file.write(text + b"\n")
        except FileExistsError:
            number += 1
        else:
            return path
