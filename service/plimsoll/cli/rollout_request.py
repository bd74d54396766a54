"""A rollout as the command line asks for it, checked as far as that is possible without a cluster."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

import typer

from plimsoll.cli.judge_options import Promises
from plimsoll.cli.rollout_options import read_weights
from plimsoll.cli.rollout_session import Opened, Target
from plimsoll.errors import OperatorError
from plimsoll.rollout.beginning import Wanted, check_numbers
from plimsoll.rollout.plan import Mode, Plan
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
            cluster=self._target.cluster,
        )

    def check_same(self, plan: Plan, given: Collection[str]) -> None:
        """Check that no option asks for something else than the plan of the rollout that is to go on.

        Args:
            plan: of the rollout under way.
            given: the names of the options that the user has given; the others are those of the plan.

        Raises:
            OperatorError: one asks for something else, which would have no effect.
        """
        asked, rules = self._promises.rules, plan.rules
        same = {
            "mode": self._mode in (None, plan.mode),
            "weights": tuple(each for each in self._weights if each < 100) == plan.weights,  # noqa: PLR2004  # percent
            "alpha": asked.alpha == rules.alpha,
            "margin": asked.margin == rules.margin,
            "effect": asked.effect == rules.effect,
            "failures": asked.failures == rules.failures,
            "guard": self._promises.written == plan.guards,
            "interval": self._steps.interval_seconds == plan.interval_seconds,
            "max_step_minutes": self._step_seconds == plan.step_seconds,
            "values_patch": self._steps.committed == plan.committed,
            "cluster": self._target.cluster == plan.cluster,
        }
        if other := [f"--{name.replace('_', '-')}" for name, equal in same.items() if name in given and not equal]:
            raise OperatorError(
                f"the rollout of {plan.release} that is under way was begun with other values of {', '.join(other)}, "
                "which stay as they are until it ends; leave these options out, or end it with `plimsoll rollout abort`"
            )
