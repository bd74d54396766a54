from __future__ import annotations

import pytest
from plimsoll.rollout.naming import fullname


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("plimsoll", {}, "plimsoll"),
        ("my-plimsoll", {}, "my-plimsoll"),
        ("web", {}, "web-plimsoll"),
        ("web", {"nameOverride": "digits"}, "web-digits"),
        ("web", {"fullnameOverride": "other"}, "other"),
        ("x" * 55, {}, "x" * 55),
    ],
)
def test_a_name_is_the_one_that_the_chart_makes(release: str, values: dict[str, str], name: str) -> None:
    assert fullname(release, "plimsoll", values) == name
