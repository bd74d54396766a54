from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.bundle.shelf import version_order
from plimsoll.control.routing_table import RoutingTable, routes_of
from plimsoll.errors import Loading, NotFound
from plimsoll.inference.payloads import Target

from tests.unit.control.serving import served_version

VERSIONS = ["1", "2", "9", "10"]
SERVED = {version: served_version("tiny", version) for version in VERSIONS}
KEYS = [f"user-{number}" for number in range(2000)]


def table(ready: list[str], weights: Mapping[str, int | None]) -> RoutingTable:
    """A table of the tiny model, of which these versions are ready."""
    return RoutingTable({"tiny": routes_of(weights, [SERVED[version] for version in ready], weights)})


def seen(routes: RoutingTable) -> list[str]:
    """The version that each of the keys sees."""
    return [routes.select(Target("tiny", key=key)).version for key in KEYS]


def assert_share(versions: list[str], version: str, share: float) -> None:
    """The version has that share of them, within six standard deviations."""
    allowed = 6 * math.sqrt(len(versions) * share * (1 - share)) + 1
    assert abs(versions.count(version) - share * len(versions)) <= allowed


def test_requests_that_pin_nothing_are_split_by_weight() -> None:
    versions = seen(table(["1", "2"], {"1": 80, "2": 20}))
    assert_share(versions, "1", 0.8)
    assert_share(versions, "2", 0.2)


@pytest.mark.parametrize(
    ("weights", "likeliest"),
    [
        ({"1": 80, "2": 20}, "1"),
        ({"1": 20, "2": 80}, "2"),
        ({"1": 50, "2": 50}, "2"),
        ({"9": None, "10": None}, "10"),
        ({"1": 100, "2": 0, "10": 0}, "1"),
        ({"1": None}, "1"),
    ],
    ids=str,
)
def test_the_likeliest_version_has_the_largest_share_and_of_equal_ones_the_highest_is_it(
    weights: dict[str, int | None], likeliest: str
) -> None:
    routes = table(list(weights), weights)
    assert routes.likeliest("tiny").version == likeliest
    assert routes.likeliest("tiny", next(iter(weights))).version == next(iter(weights))
    with pytest.raises(NotFound):
        routes.likeliest("tiny", "7")
    with pytest.raises(NotFound):
        routes.likeliest("other")


def test_requests_without_a_key_are_split_by_weight_too() -> None:
    routes = table(["1", "2"], {"1": 50, "2": 50})
    versions = [routes.select(Target("tiny")).version for _ in KEYS]
    assert_share(versions, "1", 0.5)


@given(key=st.text(max_size=30), weight=st.integers(1, 99))
def test_a_user_sees_the_same_version_in_every_table_of_the_same_weights(key: str, weight: int) -> None:
    tables = [table(["1", "2"], {"1": 100 - weight, "2": weight}) for _ in range(2)]
    assert len({each.select(Target("tiny", key=key)).version for each in tables}) == 1


@given(
    weights=st.dictionaries(st.sampled_from(VERSIONS), st.integers(0, 100), min_size=1).filter(
        lambda drawn: any(drawn.values())
    ),
    key=st.none() | st.text(max_size=5),
)
def test_a_version_of_weight_nought_answers_only_who_pins_it(weights: dict[str, int], key: str | None) -> None:
    routes = table(list(weights), weights)
    assert weights[routes.select(Target("tiny", key=key)).version] > 0
    for version in weights:
        assert routes.select(Target("tiny", version, key)) is SERVED[version]


def test_a_version_that_is_not_ready_gives_its_part_to_the_others_in_proportion() -> None:
    versions = seen(table(["2", "10"], {"1": 60, "2": 30, "10": 10}))
    assert_share(versions, "2", 0.75)
    assert_share(versions, "10", 0.25)
    assert set(seen(table(["2"], {"1": 100, "2": 0}))) == {"2"}


def test_a_version_that_is_not_ready_takes_nobody_away_from_the_version_that_they_saw() -> None:
    before = seen(table(["1", "2", "10"], {"1": 60, "2": 30, "10": 10}))
    after = seen(table(["2", "10"], {"1": 60, "2": 30, "10": 10}))
    assert all(then == "10" for now, then in zip(before, after, strict=True) if now == "10")


@given(ready=st.lists(st.sampled_from(VERSIONS), min_size=1, unique=True), stated=st.booleans())
def test_where_no_ready_version_has_a_weight_the_highest_answers_everybody(ready: list[str], stated: bool) -> None:
    weights = dict.fromkeys(ready, 0 if stated else None) | {"11": 100 if stated else None}
    highest = max(ready, key=version_order)
    assert {routes.version for routes in [table(ready, weights).select(Target("tiny", key=key)) for key in "abc"]} == {
        highest
    }


def test_a_version_that_is_no_longer_weighed_gets_nothing_while_another_is_ready() -> None:
    routes = RoutingTable({"tiny": routes_of(["1", "2"], [SERVED["1"], SERVED["2"]], {"1": 100})})
    assert set(seen(routes)) == {"1"}


@pytest.mark.parametrize("pin", [None, "1"])
def test_weights_alone_make_nothing_ready(pin: str | None) -> None:
    with pytest.raises(Loading):
        table([], {"1": 100}).select(Target("tiny", pin))


def test_versions_are_kept_in_rising_order_with_their_weights() -> None:
    routes = routes_of(["10", "9", "1", "2"], [SERVED["10"], SERVED["9"]], {"10": 30, "9": 70})
    assert routes.known == ("1", "2", "9", "10")
    assert [served.version for served in routes.ready] == ["9", "10"]
    assert routes.weights == (70.0, 30.0)
