from __future__ import annotations

import pytest
import typer
from plimsoll.cli.judge_options import Promises, promises_of, read_interval
from plimsoll.judge.rules import Rules
from plimsoll.rollout.guards import read_guards


@pytest.mark.parametrize(("text", "seconds"), [("15s", 15), ("2m", 120), ("1h", 3600), ("7", 7), (" 1.5 s ", 1.5)])
def test_an_interval_has_a_unit(text: str, seconds: float) -> None:
    assert read_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "0.5s", "2h", "15 seconds", "nan", "1e2s", "9999999s"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no interval; expected one from 1s to 1h"):
        read_interval(text)


def test_the_promises_have_the_guards_read_and_as_they_were_written() -> None:
    written = ['sales=a{t="$track"}/b{t="$track"}']
    found = promises_of(0.01, 0.2, 0.6, 0.03, written)
    assert found.rules == Rules(alpha=0.01, margin=0.2, effect=0.6, failures=0.03, guards=("sales",))
    assert (found.guards, found.written) == (read_guards(written), tuple(written))
    assert promises_of(0.05, 0.1, 0.5, 0.02, None) == Promises(Rules(), (), ())


@pytest.mark.parametrize(
    ("alpha", "guard", "sentence"),
    [
        (1.0, 'sales=a{t="$track"}/b{t="$track"}', "--alpha is 1; give a number above 0 and below 1"),
        (0.05, "sales", "does not begin with a name and ="),
    ],
)
def test_promises_with_which_no_verdict_can_be_given_are_refused(alpha: float, guard: str, sentence: str) -> None:
    with pytest.raises(typer.BadParameter, match=sentence):
        promises_of(alpha, 0.1, 0.5, 0.02, [guard])
