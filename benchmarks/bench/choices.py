"""Which servers, which cells and which parts of the bench are run. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence

from benchmarks.bench.contest import PARTS
from benchmarks.bench.workloads import WORKLOADS

QUICK_PEERS = ("plain", "litserve")
QUICK_CELLS: Mapping[str, tuple[int, ...]] = {"A": (1, 64), "B": (32,)}


def cells(text: str) -> dict[str, tuple[int, ...]]:
    """The connections of each workload of `A,B:8:64`: all of A, and 8 and 64 of B.

    Raises:
        argparse.ArgumentTypeError: there is no such workload, or a number of connections is none.
    """
    found = {}
    for part in text.split(","):
        key, *numbers = part.split(":")
        if key not in WORKLOADS:
            raise argparse.ArgumentTypeError(f"expected one of {', '.join(WORKLOADS)}, not '{key}'")
        if not all(number.isdecimal() and int(number) for number in numbers):
            raise argparse.ArgumentTypeError(f"expected numbers of connections after '{key}:', as in {key}:8:64")
        found[key] = tuple(int(number) for number in numbers) or WORKLOADS[key].connections
    return found


def listed(text: str, known: Collection[str], what: str) -> list[str]:
    """The names of a list with commas, each once.

    Raises:
        argparse.ArgumentTypeError: one of them is not known.
    """
    names = list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no {what} '{unknown[0]}': expected some of {', '.join(known)}")
    return names


def parts(text: str) -> tuple[str, ...]:
    """The parts of a list with commas.

    Raises:
        argparse.ArgumentTypeError: one of them is not known.
    """
    return tuple(listed(text, PARTS, "part"))


def quick_or(given: Sequence[str] | None, usual: Sequence[str], *, quick: bool) -> list[str]:
    """The peers that take part: those asked for, or those of a quick run, or all."""
    return list(given if given is not None else QUICK_PEERS if quick else usual)
