"""What a run must show: each line with its floor, its aim and what was measured. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bench.results import Result, Showing, WorkloadResult
from benchmarks.bench.standing import (
    Spread,
    added_ms,
    best_peer,
    best_scenario,
    costs,
    kept_goodput,
    p99s,
    quickest_peer,
    ratio,
    speeds,
    spread,
)

UNPACKED, BEFORE, TUNED = "plimsoll-unpacked", "plimsoll-before", "plimsoll-tuned"
_SPEED_OF_A = {"1": (3.0, 5.0), "8": (2.0, 3.0), "64": (1.1, 1.4), "128": (0.9, 1.2)}
_SPEED_OF_TASKS: dict[str, tuple[float, float | None]] = {"T": (1.5, None), "E": (1.5, None), "P": (1.0, None)}
_SPEED_OF_BYTES, _SPEED_OF_B, _SPEED_OF_TUNED = (1.0, 1.5), (1.2, None), (2.0, 4.0)
_P99, _MORE_P99 = (1.0, 0.7), (2.2, 2.0)
_MORE_SPEED = (0.95, 1.0)
_COST = {"64": (0.65, 0.45), "128": (0.5, 0.35)}
_RATE, _GOODPUT, _ONNX = (1.5, 2.5), (0.9, 0.97), 0.95
_ADDED_MS = (1.5, 0.5)
_OVERLOAD = 3.0
_AIM, _FLOOR, _MISSED, NOT_MEASURED = "aim", "floor", "MISSED", "not measured"


@dataclass(frozen=True, slots=True)
class Demand:
    """One line; `most` is whether its bounds are upper ones. The median counts; a bound may be missing."""

    what: str
    floor: float | None
    aim: float | None
    measured: Spread | None
    most: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """Which of its bounds it meets, the further one first."""
        if self.measured is None:
            return NOT_MEASURED
        for name, bound in ((_AIM, self.aim), (_FLOOR, self.floor)):
            if bound is not None and self._meets(bound):
                return name
        return _MISSED if self.floor is not None else "below the aim"

    def cells(self) -> tuple[str, ...]:
        """What it demands, floor, aim, what was measured, and the verdict."""
        sign = "≤" if self.most else "≥"
        bounds = ("" if bound is None else f"{sign} {bound:g}" for bound in (self.floor, self.aim))
        measured = "" if self.measured is None else str(self.measured)
        return (self.what, *bounds, f"{measured} {self.note}".strip(), self.verdict)

    def _meets(self, bound: float) -> bool:
        assert self.measured is not None  # noqa: S101  # asked before
        return self.measured.median <= bound if self.most else self.measured.median >= bound


def demands(result: Result) -> Iterator[Demand]:
    """Every line that the bench can show; what other commands show is not among them."""
    small, in_bytes, heavy = (result.workloads.get(key) for key in ("A", "A-bytes", "B"))
    ours = result.ours
    for connections, bounds in _SPEED_OF_A.items():
        yield _speed("A", small, ours, connections, bounds)
    for connections in _SPEED_OF_A:
        yield _tail("A", small, ours, connections)
    yield from _scaling(small, ours)
    for connections in ("64", "128"):
        yield _speed("A in bytes", in_bytes, ours, connections, _SPEED_OF_BYTES)
    for connections, bounds in _COST.items():
        yield _cost(small, ours, connections, bounds)
    added = None if small is None else added_ms(small, ours)
    yield Demand("A, c = 1: ms that the whole path adds to the bare forward", *_ADDED_MS, added, most=True)
    yield _rate("A", small, ours)
    yield _rate("B", heavy, ours)
    for connections in ("8", "32", "64", "128"):
        yield _speed("B, same weights, not packed", heavy, UNPACKED, connections, _SPEED_OF_B)
        yield _speed("B, as it comes", heavy, ours, connections, _SPEED_OF_B)
        yield _speed("B, tuned bundle", heavy, TUNED, connections, _SPEED_OF_TUNED)
        yield _limit(heavy, ours, connections)
    for key, workload in (("A", small), ("B", heavy)):
        yield _goodput(key, workload, ours)
    for key, slowest in _SPEED_OF_TASKS.items():
        yield _speed(key, result.workloads.get(key), ours, "16", slowest)


def missed(result: Result) -> list[Demand]:
    """The lines whose floor was measured and not reached."""
    return [demand for demand in demands(result) if demand.verdict == _MISSED]


def _cells_of(workload: WorkloadResult | None, name: str, connections: str) -> Showing | None:
    showing = None if workload is None else workload.servers.get(name)
    return showing if showing is not None and connections in showing.closed else None


def _speed(
    key: str, workload: WorkloadResult | None, name: str, connections: str, bounds: tuple[float, float | None]
) -> Demand:
    """Of the service, or of another form of it, against the peers."""
    what = f"{key}, c = {connections}: requests/s against the best living peer"
    mine = _cells_of(workload, name, connections)
    if workload is None or mine is None or (peer := best_peer(workload, name, connections)) is None:
        return Demand(what, *bounds, None)
    theirs = workload.servers[peer]
    return Demand(what, *bounds, ratio(speeds(mine, connections), speeds(theirs, connections)), note=peer)


def _tail(key: str, workload: WorkloadResult | None, name: str, connections: str) -> Demand:
    what = f"{key}, c = {connections}: p99 against the living peer with the lowest"
    mine = _cells_of(workload, name, connections)
    if workload is None or mine is None or (peer := quickest_peer(workload, name, connections)) is None:
        return Demand(what, *_P99, None, most=True)
    found = ratio(p99s(mine, connections), p99s(workload.servers[peer], connections))
    return Demand(what, *_P99, found, most=True, note=peer)


def _scaling(workload: WorkloadResult | None, ours: str) -> Iterator[Demand]:
    few, many = _cells_of(workload, ours, "64"), _cells_of(workload, ours, "128")
    found = None if few is None or many is None else ratio(speeds(many, "128"), speeds(few, "64"))
    yield Demand("A, c = 128 against c = 64: requests/s", *_MORE_SPEED, found)
    found = None if few is None or many is None else ratio(p99s(many, "128"), p99s(few, "64"))
    yield Demand("A, c = 128 against c = 64: p99", *_MORE_P99, found, most=True)


def _cost(workload: WorkloadResult | None, ours: str, connections: str, bounds: tuple[float, float]) -> Demand:
    what = f"A, c = {connections}: server CPU per request against the commit before, by turns"
    mine, theirs = _cells_of(workload, ours, connections), _cells_of(workload, BEFORE, connections)
    found = None if mine is None or theirs is None else ratio(costs(mine, connections), costs(theirs, connections))
    return Demand(what, *bounds, found, most=True)


def _rate(key: str, workload: WorkloadResult | None, ours: str) -> Demand:
    objective = "" if workload is None else f" {workload.objective_ms:g} ms"
    what = f"{key}, Poisson arrivals: the most requests/s with p99 under{objective} against the best living peer"
    mine = None if workload is None or ours not in workload.servers else workload.servers[ours].scenario
    if workload is None or mine is None or (peer := best_scenario(workload, ours)) is None:
        return Demand(what, *_RATE, None)
    theirs = workload.servers[peer].scenario
    if theirs is None or not theirs.per_second:
        return Demand(what, *_RATE, None, note=f"no living peer meets it at any rate; ours at {mine.per_second:g}/s")
    note = f"{mine.per_second:g} against {theirs.per_second:g} of {peer}"
    return Demand(what, *_RATE, spread([mine.per_second / theirs.per_second]), note=note)


def _limit(workload: WorkloadResult | None, ours: str, connections: str) -> Demand:
    what = f"B, c = {connections}: requests/s against ONNX Runtime alone on one core, batches of as many rows"
    mine = _cells_of(workload, ours, connections)
    if workload is None or mine is None or connections not in workload.raw_onnx:
        return Demand(what, None, _ONNX, None)
    return Demand(what, None, _ONNX, ratio(speeds(mine, connections), workload.raw_onnx[connections]))


def _goodput(key: str, workload: WorkloadResult | None, ours: str) -> Demand:
    what = f"{key}: goodput at {_OVERLOAD:g} times the peak, as a share of the most"
    if workload is None or ours not in workload.servers or not workload.servers[ours].overload:
        return Demand(what, *_GOODPUT, None)
    kept = kept_goodput(workload.servers[ours], _OVERLOAD)
    if kept is None:
        most = statistics.median([point.rate for point in workload.servers[ours].overload if point.kept_up] or [0.0])
        return Demand(what, *_GOODPUT, None, note=f"the generator cannot send so much, see the curve ({most:g}/s)")
    return Demand(what, *_GOODPUT, spread([kept]))
