from __future__ import annotations

from math import nan

import pytest
from plimsoll.judge.rules import Rules


@pytest.mark.parametrize(
    ("name", "value", "possible"),
    [
        ("alpha", 0.0, "above 0 and below 1"),
        ("alpha", 1.0, "above 0 and below 1"),
        ("alpha", nan, "above 0 and below 1"),
        ("margin", -0.1, "of 0 or more"),
        ("margin", nan, "of 0 or more"),
        ("effect", 0.1, "above the margin, 0.1"),
        ("failures", 0.0, "above 0 and below 1"),
        ("power", 1.0, "above 0 and below 1"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused_with_what_can(name: str, value: float, possible: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value:g}; give a number {possible}"):
        Rules(**{name: value})  # type: ignore[arg-type]


def test_between_pods_twice_as_much_does_not_matter() -> None:
    assert Rules().between_pods() == Rules(margin=0.2)
    assert Rules(margin=0.9, effect=1.0).between_pods().margin < Rules(margin=0.9, effect=1.0).between_pods().effect
