from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.rollout.guards import Guard, GuardError, read_guard, read_guards

GOOD, TOTAL = 'paid_total{track="$track"}', 'orders_total{track="$track"}'


def test_the_slash_between_two_selectors_divides_them() -> None:
    assert read_guard(f"sales={GOOD} / {TOTAL}") == Guard("sales", GOOD, TOTAL)


@pytest.mark.parametrize(
    "good",
    [
        'a_total{path="/buy",track="$track"}',
        "a_total{path='/buy', track='$track'}", 'a_total{p=`a\\`, track="$track"}',
        'a_total{p="\\"/", track="$track"}', '(a_total{track="$track"} / 2)', 'sum(a_total{track="$track"} / b)',
        'a_total{track="$track"}[5m:1m]', 'a_total{p="{[(", track="$track"}',
    ],
)  # fmt: skip
def test_a_slash_in_brackets_or_quotes_does_not(good: str) -> None:
    assert read_guard(f"sales={good}/{TOTAL}") == Guard("sales", good, TOTAL)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (GOOD, "does not begin with a name and ="),
        (f"Sales={GOOD}/{TOTAL}", "does not begin with a name and ="),
        (f"={GOOD}/{TOTAL}", "does not begin with a name and ="),
        (f"sales={GOOD}", "has 0 divisions"),
        (f"sales={GOOD}/{TOTAL}/2", "has 2 divisions"),
        (f"sales=/{TOTAL}", "has nothing before its slash"),
        (f"sales={GOOD}/ ", "has nothing after its slash"),
        ("sales=(a/b", "ends before )"),
        ("sales=a)/b", "has ) where nothing is open"),
        ("sales=(a]/b", "has ] where nothing is open"),
        ('sales=a{b="c/d', "has a quote that is not closed"),
        ("sales=a # b/c", "has a comment"),
        ("sales=a_total/b_total", "does not use $track in both expressions"),
        (f"sales={GOOD}/b_total", "does not use $track in both expressions"),
        (f"sales={GOOD}/" + "b" * 2000, "expected 2000 at most"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(GuardError) as caught:
        read_guard(text)
    assert sentence in caught.value.message


def test_a_delay_may_follow_the_name() -> None:
    assert read_guard(f"sales@10m={GOOD}/{TOTAL}") == Guard("sales", GOOD, TOTAL, 600.0)
    with pytest.raises(GuardError, match="delay of 7h; expected 21600s at most"):
        read_guard(f"sales@7h={GOOD}/{TOTAL}")
    with pytest.raises(GuardError, match="as in sales@10m"):
        read_guard(f"sales@soon={GOOD}/{TOTAL}")


def test_two_guards_of_one_name_and_too_many_are_refused() -> None:
    with pytest.raises(GuardError, match="two guards have the name sales"):
        read_guards([f"sales={GOOD}/{TOTAL}"] * 2)
    with pytest.raises(GuardError, match="given 9 times; expected 8 times at most"):
        read_guards([f"s{number}={GOOD}/{TOTAL}" for number in range(9)])
    assert [each.name for each in read_guards([f"a={GOOD}/{TOTAL}", f"b={GOOD}/{TOTAL}"])] == ["a", "b"]


def test_the_placeholders_stand_for_the_release() -> None:
    guard = Guard("sales", 'a{track="$track",ns="$namespace"}', 'b{svc="$release-$track", x="$tracks"}')
    assert guard.expressions("canary", "shop", "prod") == {
        "good": 'a{track="canary",ns="prod"}',
        "total": 'b{svc="shop-canary", x="$tracks"}',
    }


@given(st.text(alphabet="ab=/(){}[]\"'`\\#$track ", max_size=40))
def test_any_text_is_a_guard_or_an_error_of_ours(text: str) -> None:
    try:
        guard = read_guard(text)
    except GuardError:
        return
    assert "$track" in guard.good
    assert "$track" in guard.total
