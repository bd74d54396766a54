"""What a run of the bench found, as it is written down and read again."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.open_loop import Outcome
from benchmarks.report import Occasion

FORMAT = 1
MEBIBYTE = 1 << 20
MOST_LAG_MS = 20.0
PEER, OURS, VARIANT, DEAD = "peer", "ours", "variant", "no longer maintained"
"""The roles of servers: only a peer can be the best living peer; a variant is the service in another form."""


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


@dataclass(frozen=True, slots=True)
class Scenario:
    """The most requests per second, in Poisson arrivals, at which p99 from when each was due met the objective.

    `per_second` is 0 where no rate met it; `generator` made the arrivals.
    """

    per_second: float
    p99_ms: float | None
    trials: int
    generator: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Poisson arrivals at a multiple of a server's own peak, and what came of them."""

    times_peak: float
    rate: float
    seconds: float
    outcome: Outcome

    @property
    def goodput(self) -> float:
        """Requests per second that were answered 200 within a second of when they were due."""
        return self.outcome.within_second / self.seconds

    @property
    def kept_up(self) -> bool:
        """Whether the generator itself sent in time; where it did not, the point shows its limit, not the server's."""
        return self.outcome.lag_p99_ms <= MOST_LAG_MS


@dataclass(slots=True)
class Showing:
    """One server on one model; `closed` by connections, one cell for each round; `overload` by rising rates.

    `start_seconds` is from its start to its first answer.
    """

    idle_mib: float
    idle_core_share: float
    rows_checked: int
    peak_mib: float = 0.0
    closed: dict[str, list[Cell]] = field(default_factory=dict)
    role: str = PEER
    start_seconds: float = 0.0
    scenario: Scenario | None = None
    overload: list[Offered] = field(default_factory=list)

    def medians(self) -> dict[str, float]:
        """The median requests per second of its rounds, by connections."""
        return {
            connections: statistics.median(cell.per_second for cell in cells)
            for connections, cells in self.closed.items()
        }


@dataclass(slots=True)
class WorkloadResult:
    """All servers on one model. `raw` is torch alone, `raw_onnx` ONNX Runtime alone, both in float32.

    They have rows per second by the rows of a batch, for each round. `raw_task` has those of the model of a task, one
    at a time in as many processes as a server has workers, by the connections to the servers. `took_seconds` is how
    long it took to start, check and measure all servers; 0 where an older result does not say.
    """

    about: str
    sizes: list[int]
    body_bytes: int = 0
    servers: dict[str, Showing] = field(default_factory=dict)
    raw: dict[str, list[float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    took_seconds: float = 0.0
    raw_onnx: dict[str, list[float]] = field(default_factory=dict)
    objective_ms: float = 0.0
    tuned: dict[str, str] = field(default_factory=dict)
    raw_task: dict[str, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class Result:
    """A whole run; `environment_mib` is what is installed for each server besides torch."""

    occasion: Occasion
    command: str
    rounds: int
    seconds: float
    ours: str
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    tuned: dict[str, str] = field(default_factory=dict)
    workloads: dict[str, WorkloadResult] = field(default_factory=dict)
    environment_mib: dict[str, float] = field(default_factory=dict)
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
