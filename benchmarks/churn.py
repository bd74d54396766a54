"""Versions come and go under clients that misbehave: no answer may be wrong, and memory stays flat."""

from __future__ import annotations

import asyncio
import collections
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
import uvloop

from benchmarks.churn_requests import Plan, Planner
from benchmarks.client import Address, Answer, Connection, request_bytes
from benchmarks.findings import Findings
from benchmarks.known_rows import KnownRows, ask_for_known_rows
from benchmarks.measures import MEBIBYTE, memory_trend, quantile
from benchmarks.server import REPOSITORY, Server

_MODEL = "digits"
_VERSIONS = ("1", "2")
_BROKEN = "99"
_DESIRED = """\
models:
  - name: digits
    versions:
      - {version: "1", weight: 50}
      - {version: "2", weight: 50}
"""
_CLIENTS = 8
_SETTLING = 0.2
_MOST_GROWTH_PERCENT = 15
_ANSWER_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 0.01
_BROKEN_EVERY, _BROKEN_LOADED, _BROKEN_UNLOADED = 5, 1, 3
_OK, _ACCEPTED, _ERRORS = 200, 202, 500


@dataclass
class _Tally:
    """What the clients saw."""

    sent: collections.Counter[str] = field(default_factory=collections.Counter)
    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    versions: collections.Counter[str] = field(default_factory=collections.Counter)
    unexpected: collections.Counter[str] = field(default_factory=collections.Counter)
    hung_up: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    rows_known: int = 0
    checked: int = 0
    seconds: list[float] = field(default_factory=list)
    not_ready: int = 0
    readiness_polls: int = 0
    admin_calls: collections.Counter[str] = field(default_factory=collections.Counter)
    admin_refused: collections.Counter[str] = field(default_factory=collections.Counter)

    def answered(self, plan: Plan, answer: Answer, known: KnownRows) -> None:
        """Judge one answer."""
        self.statuses[answer.status] += 1
        if answer.status not in plan.allowed:
            self.unexpected[f"{answer.status} to {plan.kind}, {answer.body[:160].decode(errors='replace')}"] += 1
        elif answer.status == _OK:
            self.checked += 1
            version = answer.headers.get("x-plimsoll-version", "none")
            self.versions[version] += 1
            if not known.agrees(answer, plan.rows, plan.pinned):
                self.wrong.append(f"version {version}, {len(plan.rows)} rows, {plan.kind}")


class _Churn:
    """One run against a server that is ready."""

    def __init__(self, server: Server, seconds: float, seed: int) -> None:
        self._server = server
        self._seconds = seconds
        self._seed = seed
        self._stop = asyncio.Event()
        self.tally = _Tally()
        self.memory: list[tuple[float, float]] = []

    async def run(self) -> None:
        """Send, reload and watch for as long as was asked, with rows whose answers are known."""
        address = self._server.address
        known = await ask_for_known_rows(address, _MODEL, _VERSIONS)
        async with asyncio.TaskGroup() as group:
            for number in range(_CLIENTS):
                chance = Random(self._seed + number)  # noqa: S311  # to be repeatable, not secret
                planner = Planner(_MODEL, _VERSIONS, known.texts, chance)
                group.create_task(self._client(address, planner, known, chance, keep=number % 2 == 0))
            group.create_task(self._operator(self._server.admin_address))
            group.create_task(self._watch(address))
            await asyncio.sleep(self._seconds)
            self._stop.set()
        self.tally.rows_known = len(known.texts)

    async def _client(
        self, address: Address, planner: Planner, known: KnownRows, chance: Random, *, keep: bool
    ) -> None:
        async with Connection(address) as connection:
            while not self._stop.is_set():
                plan = planner.next(keep=keep)
                self.tally.sent[plan.kind] += 1
                started = time.perf_counter()
                try:
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        answer = await _carry_out(connection, plan)
                except (OSError, EOFError, TimeoutError) as error:
                    self.tally.hung_up[f"{type(error).__name__} after {plan.kind}"] += 1
                    connection.close()
                else:
                    if answer is not None:
                        self.tally.answered(plan, answer, known)
                        self.tally.seconds.append(time.perf_counter() - started)
                await asyncio.sleep(chance.random() * _LONGEST_PAUSE_SECONDS)

    async def _operator(self, address: Address) -> None:
        """Every second have one version loaded anew, in turn; now and then desire one that cannot be loaded."""
        second = 0
        async with Connection(address) as connection:
            while not self._stop.is_set():
                calls = [f"{_VERSIONS[second % len(_VERSIONS)]}/reload"]
                if second % _BROKEN_EVERY == _BROKEN_LOADED:
                    calls.append(f"{_BROKEN}/load")
                elif second % _BROKEN_EVERY == _BROKEN_UNLOADED:
                    calls.append(f"{_BROKEN}/unload")
                for call in calls:
                    answer = await connection.ask(request_bytes("POST", f"/v1/models/{_MODEL}/versions/{call}"))
                    self.tally.admin_calls[call.rpartition("/")[2]] += 1
                    if answer.status != _ACCEPTED:
                        self.tally.admin_refused[f"{answer.status} to {call}"] += 1
                second += 1
                await asyncio.sleep(1)

    async def _watch(self, address: Address) -> None:
        """Twice a second, see how much memory the server has and whether it is ready."""
        process = psutil.Process(self._server.pid)
        async with Connection(address) as connection:
            while not self._stop.is_set():
                self.memory.append((time.perf_counter(), process.memory_info().rss))
                answer = await connection.ask(request_bytes("GET", "/readyz"))
                self.tally.readiness_polls += 1
                self.tally.not_ready += answer.status != _OK
                await asyncio.sleep(0.5)


async def _carry_out(connection: Connection, plan: Plan) -> Answer | None:
    """The answer, or `None` to a plan that leaves before there is one."""
    if plan.leaving == "no":
        return await connection.ask(plan.request)
    await connection.send(plan.request if plan.leaving == "once sent" else plan.request[: len(plan.request) // 2])
    connection.close()
    return None


def run_churn(seconds: float, seed: int) -> Findings:
    """Run it and say what was found."""
    findings = Findings(
        "churn",
        f"{seconds:g} s; digits 1 and 2 at 50 % each; {_CLIENTS} clients, half of which open a connection for every "
        f"request; each second one version is loaded anew; version {_BROKEN} does not exist; seed {seed}",
    )
    with tempfile.TemporaryDirectory() as folder:
        server = Server(REPOSITORY / "models", Path(folder), {}, desired=_DESIRED)
        with server:
            churn = _Churn(server, seconds, seed)
            uvloop.run(churn.run())
        _judge_answers(findings, churn.tally)
        _judge_log(findings, server, churn.tally)
        _judge_memory(findings, churn.memory)
    return findings


def _judge_answers(findings: Findings, tally: _Tally) -> None:
    findings.none("wrong answers", len(tally.wrong), tally.checked, "; ".join(tally.wrong[:3]))
    unexpected = tally.unexpected.total()
    findings.none("statuses that were not provoked", unexpected, tally.statuses.total(), _first(tally.unexpected))
    late = sum(count for status, count in tally.statuses.items() if status >= _ERRORS and status != 504)  # noqa: PLR2004
    findings.none("5xx other than 504 to a tiny timeout", late)
    findings.none("connections that the server broke", tally.hung_up.total(), examples=_first(tally.hung_up))
    findings.none("/readyz not 200", tally.not_ready, tally.readiness_polls)
    calls = tally.admin_calls.total()
    findings.none("admin calls not 202", tally.admin_refused.total(), calls, _first(tally.admin_refused))
    findings.note("rows whose answers are known and cannot be confused", tally.rows_known)
    findings.note("requests by kind", _counts(tally.sent))
    findings.note("answers by status", _counts(tally.statuses))
    findings.note("answers by version", _counts(tally.versions))
    p50, p99 = (quantile(tally.seconds, share) * 1000 for share in (0.5, 0.99))
    findings.note("answered within, p50 / p99 / most", f"{p50:.1f} / {p99:.1f} / {max(tally.seconds) * 1000:.1f} ms")


def _judge_log(findings: Findings, server: Server, tally: _Tally) -> None:
    """What the server says: that it did load anew and did fail, and that nothing else went wrong."""
    loaded = failed = 0
    others: collections.Counter[str] = collections.Counter()
    for line in server.log_lines():
        if line["level"] == "INFO" and " is ready on " in line["message"]:
            loaded += 1
        elif line["level"] in ("ERROR", "CRITICAL"):
            if str(line.get("version")) == _BROKEN:
                failed += 1
            else:
                others[line["message"][:160]] += 1
    asked = tally.admin_calls
    findings.at_least(f"loaded anew, of {asked['reload']} asked for", loaded - len(_VERSIONS), asked["reload"] // 2)
    findings.at_least(f"failures of version {_BROKEN}, of {asked['load']} asked for", failed, asked["load"] // 2)
    findings.none("errors in the log that were not provoked", others.total(), examples=_first(others))


def _judge_memory(findings: Findings, memory: list[tuple[float, float]]) -> None:
    trend = memory_trend(memory, _SETTLING)
    findings.at_most(f"memory grown since {_SETTLING:.0%} of the time", trend.growth * 100, _MOST_GROWTH_PERCENT, "%")
    findings.note(
        f"resident memory at {_SETTLING:.0%} / at the end / most",
        f"{trend.early / MEBIBYTE:.1f} / {trend.late / MEBIBYTE:.1f} / {trend.peak / MEBIBYTE:.1f} MiB",
    )
    findings.note("slope of memory", f"{trend.slope * 60 / MEBIBYTE:+.2f} MiB per minute")


def _first(counter: collections.Counter[str]) -> str:
    return "; ".join(f"{count} x {what}" for what, count in counter.most_common(3))


def _counts(counter: collections.Counter[str] | collections.Counter[int]) -> str:
    return ", ".join(f"{what}: {count}" for what, count in sorted(counter.items(), key=str))
