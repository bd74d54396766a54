from __future__ import annotations

from pathlib import Path

import pytest
import typer
from plimsoll.cli.judge_options import prometheus_of, read_interval, rules_of
from plimsoll.errors import OperatorError
from plimsoll.judge.rules import Rules
from plimsoll.rollout.guards import read_guards


@pytest.mark.parametrize(("text", "seconds"), [("15s", 15), ("2m", 120), ("1h", 3600), ("7", 7), (" 1.5 s ", 1.5)])
def test_an_interval_has_a_unit(text: str, seconds: float) -> None:
    assert read_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "0.5s", "2h", "15 seconds", "nan", "1e2s", "9999999s"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no interval; expected one from 1s to 1h"):
        read_interval(text)


def test_the_rules_have_the_names_of_the_guards() -> None:
    guards = read_guards(['sales=a{t="$track"}/b{t="$track"}'])
    assert rules_of(0.01, 0.2, 0.6, 0.03, guards) == Rules(
        alpha=0.01, margin=0.2, effect=0.6, failures=0.03, guards=("sales",)
    )


def test_rules_with_which_no_verdict_can_be_given_are_refused() -> None:
    with pytest.raises(typer.BadParameter, match="--alpha is 1; give a number above 0 and below 1"):
        rules_of(1.0, 0.1, 0.5, 0.02, ())


def test_a_prometheus_is_named_by_its_url() -> None:
    assert prometheus_of("http://there:9090", Path("token"), None).name == "Prometheus at http://there:9090"
    with pytest.raises(OperatorError, match="should begin with http"):
        prometheus_of("there", None, None)
