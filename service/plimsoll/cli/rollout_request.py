"""A rollout as the command line asks for it, checked as far as that is possible without a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import typer

from plimsoll.cli.judge_options import Promises
from plimsoll.cli.rollout_options import read_weights
from plimsoll.cli.rollout_session import Opened, Target
from plimsoll.errors import OperatorError
from plimsoll.rollout.beginning import Wanted, check_numbers
from plimsoll.rollout.plan import Mode
from plimsoll.rollout.release_values import Values


@dataclass(frozen=True, slots=True)
class Steps:
    """The options that decide how a rollout goes on."""

    mode: str
    weights: str
    interval_seconds: float
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
        self._promises = promises
        self.canary = canary
        self._weights = read_weights(steps.weights)
        self._step_seconds = 60 * steps.max_step_minutes
        try:
            check_numbers(self._weights, steps.interval_seconds, self._step_seconds)
        except OperatorError as error:
            raise typer.BadParameter(error.message) from None

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
            rules=self._promises.rules,
            guards=self._promises.written,
            interval_seconds=self._steps.interval_seconds,
            step_seconds=self._step_seconds,
            committed=self._steps.committed,
        )
