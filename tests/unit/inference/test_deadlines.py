from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput
from plimsoll.inference.deadlines import DeadlineLimits

LIMITS = DeadlineLimits(default_ms=30_000, longest_ms=60_000)


def test_a_request_that_says_nothing_gets_the_default() -> None:
    assert LIMITS.seconds(None) == 30.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1", 0.001), ("250", 0.25), ("0007", 0.007), (" 250 ", 0.25), ("\t250", 0.25), ("60000", 60.0)],
)
def test_a_time_is_read_in_milliseconds(text: str, seconds: float) -> None:
    assert LIMITS.seconds(text.encode(errors="replace")) == seconds


@pytest.mark.parametrize("text", ["60001", "86400000", "999999999999"])
def test_more_than_the_most_is_cut_to_it(text: str) -> None:
    assert LIMITS.seconds(text.encode(errors="replace")) == 60.0


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "0", "000", "-1", "-0", "+5", "1.5", "1e3", "0x10", "1_000", "1 000", "1,000", "250ms", "ten", "nan",
        "inf", "None", "٢٥٠", "²", "½", "250\x00", "1" * 13, "9" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_whole_number_above_0_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(InvalidInput, match="X-Request-Timeout-Ms") as caught:
        LIMITS.seconds(text.encode(errors="replace"))
    assert caught.value.expected == "a whole number of milliseconds above 0"
    assert caught.value.given is not None
    assert len(caught.value.given) < 70


@given(text=st.text(max_size=20))
def test_any_text_is_a_time_within_the_limits_or_refused(text: str) -> None:
    try:
        seconds = LIMITS.seconds(text.encode(errors="replace"))
    except InvalidInput:
        return
    assert 0 < seconds <= 60
    assert text.strip().isdigit()


@given(milliseconds=st.integers(1, 10**12 - 1), longest=st.integers(1, 10**9))
def test_a_time_is_the_shorter_of_what_was_asked_for_and_the_most(milliseconds: int, longest: int) -> None:
    assert DeadlineLimits(1, longest).seconds(b"%d" % milliseconds) == min(milliseconds, longest) / 1000
