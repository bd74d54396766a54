from __future__ import annotations

import pytest
from plimsoll.judge.sentences import number, percent


@pytest.mark.parametrize(
    ("share", "text"), [(0.162, "16.2 %"), (0.05, "5 %"), (0.00512, "0.512 %"), (0.0, "0 %"), (1.0, "100 %")]
)
def test_a_share_has_three_digits(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(("value", "text"), [(131.4, "131"), (0.617, "0.62"), (20.0, "20"), (1e12, "1000000000000")])
def test_a_number_is_whole_from_10_on(value: float, text: str) -> None:
    assert number(value) == text
