"""The options of every command that judges a canary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.judge.rules import Rules
from plimsoll.rollout.guards import Guard, GuardError, read_guards

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 3600.0


def read_interval(text: str) -> float:
    """The seconds in a text such as 15s, 2m or 15.

    Raises:
        typer.BadParameter: it is none, or shorter than a second or longer than an hour.
    """
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*([smh]?)\s*", text)
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
    if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        raise typer.BadParameter(f"{text} is no interval; expected one from 1s to 1h, such as 15s")
    return seconds


Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the release.")]
PrometheusUrl = Annotated[
    str,
    typer.Option("--prometheus", help="URL of the Prometheus that scrapes the release, or of a server with its API."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="File with the bearer token for Prometheus. It is read for each query.",
        show_default="none",
        dir_okay=False,
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        help="File with the certificate authority of Prometheus in PEM. It is read for each query.",
        show_default="those that are known everywhere",
        dir_okay=False,
    ),
]
Cluster = Annotated[
    str,
    typer.Option(help="Cluster of the release, where Prometheus knows several (label `cluster`).", show_default="any"),
]
Alpha = Annotated[float, typer.Option(help="Bound of the probability that a good canary is ever called worse.")]
Margin = Annotated[float, typer.Option(help="Slowdown and share of more failures that do not matter; 0.1 is 10 %.")]
Effect = Annotated[float, typer.Option(help="Slowdown that must not be overlooked; 0.5 is 50 %.")]
Failures = Annotated[float, typer.Option(help="Failures in all requests that must not be overlooked; 0.02 is 2 %.")]
Interval = Annotated[
    float,
    typer.Option(
        parser=read_interval,
        metavar="DURATION",
        help="Time between two looks at the counters, such as 15s or 1m: one scrape or more.",
        show_default="15s",
    ),
]
Guards = Annotated[
    list[str] | None,
    typer.Option(
        "--guard",
        metavar="NAME=GOOD/TOTAL",
        help="A test of your own: two expressions in PromQL of cumulative counters, with $track for the track. "
        "NAME@10m where outcomes come up to so long after their trials. Repeat it for more.",
        show_default="none",
    ),
]


@dataclass(frozen=True, slots=True)
class Promises:
    """The rules of a verdict, and the user's own tests; `written` has these as they were given."""

    rules: Rules
    guards: tuple[Guard, ...]
    written: tuple[str, ...]


def promises_of(alpha: float, margin: float, effect: float, failures: float, written: Sequence[str] | None) -> Promises:
    """The promises in the options.

    Raises:
        typer.BadParameter: with one of them no verdict can be given, or a guard cannot be read.
    """
    try:
        guards = read_guards(written or ())
        names = tuple(each.name for each in guards)
        rules = Rules(alpha=alpha, margin=margin, effect=effect, failures=failures, guards=names)
    except GuardError as error:
        raise typer.BadParameter(error.message) from None
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from None
    return Promises(rules, guards, tuple(written or ()))
