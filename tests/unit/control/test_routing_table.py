from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from plimsoll.bundle.shelf import version_order
from plimsoll.control.routing_table import RoutingTable, routes_of
from plimsoll.errors import Loading, NoDefaultModel, NotFound
from plimsoll.inference.payloads import Target

from tests.unit.control.serving import served_version

NAMES = ["alpha", "beta", "gamma"]
VERSIONS = ["1", "2", "9", "10", "1.9", "1.10", "2.0.1"]
SERVED = {(name, version): served_version(name, version) for name in NAMES for version in VERSIONS}

names = st.sampled_from(NAMES)
versions = st.sampled_from(VERSIONS)
Pairs = set[tuple[str, str]]


def table(known: Pairs, ready: Pairs, default_model: str | None = None, track: str | None = None) -> RoutingTable:
    """A table that splits nothing."""
    models = {
        name: routes_of(
            [version for each, version in known if each == name],
            [SERVED[pair] for pair in sorted(ready) if pair[0] == name],
            {},
        )
        for name in sorted({name for name, _ in known})
    }
    return RoutingTable(models, default_model, track)


@st.composite
def tables(draw: st.DrawFn) -> tuple[RoutingTable, Pairs, Pairs]:
    """A table, what it knows and what of that is ready."""
    known = draw(st.sets(st.tuples(names, versions)))
    ready = {pair for pair in sorted(known) if draw(st.booleans())}
    return table(known, ready), known, ready


@given(drawn=tables(), name=names, version=versions, key=st.none() | st.text(max_size=5))
def test_a_version_that_is_pinned_is_the_one_that_answers_or_none_does(
    drawn: tuple[RoutingTable, Pairs, Pairs], name: str, version: str, key: str | None
) -> None:
    routes, known, ready = drawn
    if (name, version) in ready:
        assert routes.select(Target(name, version, key)) is SERVED[name, version]
    else:
        with pytest.raises(Loading if (name, version) in known else NotFound):
            routes.select(Target(name, version, key))


@given(drawn=tables(), name=names, key=st.none() | st.text(max_size=5))
def test_without_a_pin_and_without_weights_the_highest_that_is_ready_answers(
    drawn: tuple[RoutingTable, Pairs, Pairs], name: str, key: str | None
) -> None:
    routes, known, ready = drawn
    candidates = sorted((version for each, version in ready if each == name), key=version_order)
    if candidates:
        assert routes.select(Target(name, key=key)) is SERVED[name, candidates[-1]]
    else:
        with pytest.raises(Loading if any(each == name for each, _ in known) else NotFound):
            routes.select(Target(name, key=key))


@given(drawn=tables(), name=st.text(max_size=100), pin=st.none() | st.text(max_size=100))
def test_any_name_and_pin_at_all_are_found_or_refused(
    drawn: tuple[RoutingTable, Pairs, Pairs], name: str, pin: str | None
) -> None:
    assume(name not in NAMES)
    with pytest.raises(NotFound) as caught:
        drawn[0].select(Target(name, pin))
    assert caught.value.code == "model_not_found"
    assert len(caught.value.message) < 100


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(NotFound) as caught:
        table({("alpha", "1"), ("beta", "1")}, set()).select(Target("gamma"))
    assert caught.value.message == "there is no model 'gamma'"
    assert caught.value.expected == "one of: alpha, beta"


def test_an_unknown_pin_is_refused_with_the_known_versions_in_order() -> None:
    with pytest.raises(NotFound) as caught:
        table({("alpha", "10"), ("alpha", "9"), ("beta", "3")}, set()).select(Target("alpha", "3"))
    assert caught.value.code == "version_not_found"
    assert caught.value.message == "model 'alpha' has no version '3'"
    assert caught.value.expected == "one of: 9, 10"


def test_an_unknown_pin_is_refused_with_the_track_too_where_there_is_one() -> None:
    with pytest.raises(NotFound) as caught:
        table({("alpha", "9")}, set(), track="canary").select(Target("alpha", "stable"))
    assert caught.value.message == "model 'alpha' has no version 'stable'"
    assert caught.value.expected == "one of: 9, canary"


def test_a_pin_of_the_own_track_takes_whatever_this_process_serves() -> None:
    routes = table({("alpha", "9"), ("alpha", "10")}, {("alpha", "9")}, track="stable")
    assert routes.select(Target("alpha", "stable")) is SERVED["alpha", "9"]
    assert routes.select(Target("alpha", "9")) is SERVED["alpha", "9"]
    with pytest.raises(NotFound):
        routes.select(Target("alpha", "canary"))
    with pytest.raises(Loading, match=r"^model 'beta' is not ready"):
        table({("beta", "1")}, set(), track="stable").select(Target("beta", "stable"))


def test_without_a_track_there_is_none_to_pin() -> None:
    with pytest.raises(NotFound):
        table({("alpha", "9")}, {("alpha", "9")}).select(Target("alpha", "stable"))


def test_an_empty_table_says_that_nothing_is_loaded() -> None:
    with pytest.raises(NotFound) as caught:
        RoutingTable().require("alpha")
    assert caught.value.expected == "one of: none is loaded"


def test_what_is_known_and_not_ready_is_loading_and_says_where_to_look() -> None:
    routes = table({("alpha", "1"), ("alpha", "2")}, {("alpha", "1")})
    with pytest.raises(Loading, match="version 2 of model 'alpha' is not ready"):
        routes.select(Target("alpha", "2"))
    with pytest.raises(Loading, match="model 'beta' is not ready"):
        table({("beta", "1")}, set()).select(Target("beta"))


def test_a_known_name_or_version_passes_the_requirement_ready_or_not() -> None:
    routes = table({("alpha", "1")}, set())
    routes.require("alpha")
    routes.require("alpha", "1")
    with pytest.raises(NotFound):
        routes.require("alpha", "2")


def test_a_request_without_a_name_goes_to_the_only_model() -> None:
    routes = table({("beta", "1"), ("beta", "2")}, {("beta", "1"), ("beta", "2")})
    assert routes.select(Target()) is SERVED["beta", "2"]
    assert routes.select(Target(pin="1")) is SERVED["beta", "1"]


def test_a_request_without_a_name_goes_to_the_default_where_there_are_several() -> None:
    both = {("alpha", "1"), ("beta", "1")}
    assert table(both, both, default_model="beta").select(Target()) is SERVED["beta", "1"]
    assert table(both, both, default_model="beta").select(Target("alpha")) is SERVED["alpha", "1"]


@pytest.mark.parametrize(("known", "expected"), [(NAMES, "alpha, beta, gamma"), ([], "none is loaded")])
def test_a_request_without_a_name_is_refused_where_it_could_mean_any_or_none(known: list[str], expected: str) -> None:
    with pytest.raises(NoDefaultModel, match="exactly one loaded model or PLIMSOLL_DEFAULT_MODEL") as caught:
        table({(name, "1") for name in known}, set()).select(Target())
    assert (caught.value.code, caught.value.expected) == ("model_not_found", f"one of: {expected}")


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RoutingTable().models = {}  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        routes_of(["1"], [], {}).weights = (1.0,)  # type: ignore[misc]
