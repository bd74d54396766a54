"""One hostile client of each kind beside honest ones: everybody else is served, as fast, and the memory stays flat."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.client import Address, request_bytes
from benchmarks.findings import Findings
from benchmarks.measures import MEBIBYTE, quantile
from benchmarks.open_loop import OK, OpenLoop, Sample
from benchmarks.server import REPOSITORY, Server

_RATE = 50.0
_CONNECTIONS = 8
_TIMES_SLOWER = 2.0
_GROWTH_MEBIBYTES = 32.0
_SETTLE_SECONDS = 1.0
_ATTACKED_TO_ALONE = 4
"""How much longer an attack lasts than what comes before it, by which it is measured."""
_KEY = "the-key-of-the-honest"
_KEYS = "keys:\n- {{label: everybody, sha256: {digest}, scopes: [predict]}}\n"


@dataclass(frozen=True, slots=True)
class Encounter:
    """What became of the honest while one kind of hostile client was there; memory in MiB, latencies in ms."""

    kind: str
    samples: list[Sample]
    memory_before: float
    memory_peak: float
    memory_after: float
    attacker: str

    @property
    def p99_ms(self) -> float:
        """The latency of the honest."""
        return _p99_ms(self.samples)

    @property
    def others(self) -> Counter[int]:
        """The statuses that are not 200; 0 is an answer that broke off."""
        return Counter(each.status for each in self.samples if each.status != OK)


def run_hostile(seconds: float, kinds: Iterable[str]) -> Findings:
    """Run it, so long for each of these kinds, and say what was found."""
    findings = Findings(
        "hostile clients",
        f"{seconds:g} s for each kind; {_RATE:g} one-row requests/s of honest clients in open loop over {_CONNECTIONS} "
        "kept connections; the digits, with keys; the hostile client has the lowest priority on the cores they share",
    )
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.yaml"
        keys.write_text(_KEYS.format(digest=hashlib.sha256(_KEY.encode()).hexdigest()), encoding="utf-8")
        environment = {"PLIMSOLL_KEYS_FILE": str(keys), "PLIMSOLL_ALLOWED_HOSTS": "*"}
        with Server(REPOSITORY / "models", Path(folder), environment) as server:
            alone, attacked = [], []
            for kind in kinds:
                alone += uvloop.run(_meet(server, "", seconds / _ATTACKED_TO_ALONE)).samples
                attacked.append(uvloop.run(_meet(server, kind, seconds)))
    _judge(findings, alone, attacked)
    return findings


async def _meet(server: Server, kind: str, seconds: float) -> Encounter:
    """Load the server honestly, and where a kind is given attack it."""
    load = OpenLoop(server.address, _honest_request(), _CONNECTIONS)
    before = server.resident_bytes() / MEBIBYTE
    with _Peak(server) as peak:
        attack = asyncio.create_task(_attack(server.address, kind, seconds)) if kind else None
        await load.run(_RATE, seconds, seconds)
        attacker = await attack if attack is not None else ""
        await asyncio.sleep(_SETTLE_SECONDS)
    return Encounter(kind, load.samples, before, peak.mebibytes, server.resident_bytes() / MEBIBYTE, attacker)


def _honest_request() -> bytes:
    row = json.loads((REPOSITORY / "examples" / "digits" / "7.json").read_text(encoding="utf-8"))
    return request_bytes("POST", "/v1/predict", json.dumps(row).encode(), {"Authorization": f"Bearer {_KEY}"})


async def _attack(address: Address, kind: str, seconds: float) -> str:
    command = [
        sys.executable,
        "-m",
        "benchmarks.hostile_clients",
        kind,
        address.host,
        str(address.port),
        f"{seconds:g}",
    ]
    process = await asyncio.create_subprocess_exec(*command, _KEY, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    found = json.loads(output)
    return f"{found['connections']} connections, {found['sent_bytes'] / MEBIBYTE:.1f} MiB"


class _Peak:
    """The most memory that the server holds while the block lasts."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.mebibytes = 0.0

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.mebibytes = max(self.mebibytes, self._server.resident_bytes() / MEBIBYTE)


def _judge(findings: Findings, alone: list[Sample], attacked: list[Encounter]) -> None:
    p99_ms = _p99_ms(alone)
    for each in attacked:
        others = str(dict(each.others))
        findings.none(f"{each.kind}: honest answers not 200", each.others.total(), len(each.samples), others)
        findings.at_most(f"{each.kind}: p99 of the honest", each.p99_ms, _TIMES_SLOWER * p99_ms, "ms")
        growth = each.memory_after - each.memory_before
        findings.at_most(f"{each.kind}: memory that stays", growth, _GROWTH_MEBIBYTES, "MiB")
        memory = f"{each.memory_before:.0f} / {each.memory_peak:.0f} / {each.memory_after:.0f} MiB"
        findings.note(f"{each.kind}: memory before / peak / after", f"{memory}; {each.attacker}")
    findings.note("p99 of the honest by themselves, between the attacks", f"{p99_ms:.1f} ms of {len(alone)}")


def _p99_ms(samples: list[Sample]) -> float:
    """From when a request was sent: that this client was late is not the server's."""
    return quantile([(each.seconds - each.lag) * 1000 for each in samples], 0.99)
