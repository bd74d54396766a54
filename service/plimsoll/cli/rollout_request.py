"""A rollout as the command line asks for it, checked as far as that is possible without a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import typer

from plimsoll.cli.rollout_options import read_seconds, read_weights
from plimsoll.cli.rollout_session import Opened, Target
from plimsoll.errors import OperatorError
from plimsoll.judge.rules import Rules
from plimsoll.rollout.beginning import Wanted, check_numbers
from plimsoll.rollout.guards import GuardError, read_guards
from plimsoll.rollout.plan import Mode
from plimsoll.rollout.release_values import Values


@dataclass(frozen=True, slots=True)
class Promises:
    """The options that decide how sure a verdict is."""

    alpha: float
    margin: float
    effect: float
    failures: float
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """The options that decide how a rollout goes on."""

    mode: str
    weights: str
    interval: str
    max_step_minutes: float
    committed: bool


class Request:
    """The options of a rollout that is to begin.

    Raises:
        typer.BadParameter: one of them cannot be read, or makes no sense.
    """

    def __init__(self, target: Target, canary: Values, promises: Promises, steps: Steps) -> None:
        if steps.mode not in ("", *get_args(Mode)):
            raise typer.BadParameter(f"--mode is {steps.mode}; expected gatewayAPI or replicas")
        self._mode: Mode | None = next((mode for mode in get_args(Mode) if mode == steps.mode), None)
        self._target = target
        self._steps = steps
        self._guards = promises.guards
        self.canary = canary
        self._rules = _rules(promises)
        self._weights = read_weights(steps.weights)
        self._interval_seconds = read_seconds(steps.interval)
        self._step_seconds = 60 * steps.max_step_minutes
        try:
            check_numbers(self._weights, self._interval_seconds, self._step_seconds)
        except OperatorError as error:
            raise typer.BadParameter(error.message) from None

    @property
    def guards(self) -> tuple[str, ...]:
        """The user's own tests, as they are written."""
        return self._guards

    def wanted(self, opened: Opened) -> Wanted:
        """All that the plan is made of.

        Raises:
            OperatorError: no chart is given, or it is none.
        """
        return Wanted(
            release=self._target.release,
            namespace=self._target.namespace,
            chart=opened.chart,
            chart_version=opened.chart_version(),
            canary=self.canary,
            prometheus=self._target.prometheus,
            mode=self._mode,
            weights=self._weights,
            rules=self._rules,
            guards=self._guards,
            interval_seconds=self._interval_seconds,
            step_seconds=self._step_seconds,
            committed=self._steps.committed,
        )


def _rules(promises: Promises) -> Rules:
    try:
        names = tuple(guard.name for guard in read_guards(promises.guards))
        return Rules(promises.alpha, promises.margin, promises.effect, promises.failures, guards=names)
    except GuardError as error:
        raise typer.BadParameter(error.message) from None
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from None
