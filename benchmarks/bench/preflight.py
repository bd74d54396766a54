"""What a run needs, asked before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import psutil

from benchmarks.bench.contestant import Contestant, free_ports
from benchmarks.bench.environments import Unavailable

_CORES = 2
_OWN_MEBIBYTES = 600
_PORTS_EACH = 5
_MEBIBYTE = 1 << 20
_TOOLS = {"wrk": "apt install wrk", "taskset": "apt install util-linux", "git": "apt install git"}
_JAVA_MISSING = "there is no Java: apt install default-jre-headless"


def obstacles(contestants: Sequence[Contestant]) -> list[str]:
    """Why the run cannot begin, each with what to do about it; empty where it can."""
    found = [f"{tool} is missing: {line}" for tool, line in _TOOLS.items() if shutil.which(tool) is None]
    cores = len(psutil.Process().cpu_affinity() or [])
    if cores < _CORES:
        found.append(f"{cores} core is not enough: the load generator takes one, so {_CORES} are needed")
    needed = _OWN_MEBIBYTES + sum(contestant.mebibytes for contestant in contestants)
    free = psutil.virtual_memory().available // _MEBIBYTE
    if free < needed:
        found.append(
            f"{free} MiB of memory are free and about {needed} are needed: close something, or leave peers out "
            "(--servers, --quick)"
        )
    try:
        free_ports(_PORTS_EACH * len(contestants))
    except OSError as error:
        found.append(f"no ports of loopback can be had: {error.strerror}")
    return found


def require_of_machine(contestant: Contestant) -> None:
    """See that the machine has what a peer needs beside Python.

    Raises:
        Unavailable: it has not; the peer is left out.
    """
    if contestant.java and shutil.which("java") is None:
        raise Unavailable(_JAVA_MISSING)
