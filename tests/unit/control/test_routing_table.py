from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.bundle.shelf import version_order
from service.control.routing_table import RoutingTable
from service.errors import Loading, NotFound
from service.inference.ports import ServedVersion
from tests.doubles.models import EchoModel

MODEL = EchoModel()
names = st.sampled_from(["alpha", "beta", "gamma"])
versions = st.sampled_from(["1", "2", "9", "10", "1.9", "1.10", "2.0.1"])
pairs = st.tuples(names, versions)


def served(name: str, version: str) -> ServedVersion:
    return ServedVersion(name, version, MODEL)


def table(known: set[tuple[str, str]], ready: set[tuple[str, str]]) -> RoutingTable:
    return RoutingTable.of(known, [served(*pair) for pair in ready])


@st.composite
def tables(draw: st.DrawFn) -> tuple[RoutingTable, set[tuple[str, str]], set[tuple[str, str]]]:
    """A table, what it knows and what of that is ready."""
    known = draw(st.sets(pairs))
    ready = {pair for pair in known if draw(st.booleans())}
    return table(known, ready), known, ready


@given(drawn=tables(), name=names, version=versions)
def test_a_version_that_is_asked_for_is_the_one_that_answers_or_none_does(
    drawn: tuple[RoutingTable, set[tuple[str, str]], set[tuple[str, str]]], name: str, version: str
) -> None:
    routes, known, ready = drawn
    if (name, version) in ready:
        assert routes.select(name, version) == served(name, version)
    else:
        with pytest.raises(Loading if (name, version) in known else NotFound):
            routes.select(name, version)


@given(drawn=tables(), name=names)
def test_without_a_version_the_highest_that_is_ready_answers(
    drawn: tuple[RoutingTable, set[tuple[str, str]], set[tuple[str, str]]], name: str
) -> None:
    routes, known, ready = drawn
    candidates = sorted((version for each, version in ready if each == name), key=version_order)
    if candidates:
        assert routes.select(name, None) == served(name, candidates[-1])
    else:
        with pytest.raises(Loading if any(each == name for each, _ in known) else NotFound):
            routes.select(name, None)


@given(drawn=tables(), name=st.text(max_size=100), version=st.none() | st.text(max_size=100))
def test_any_name_and_version_at_all_are_found_or_refused(
    drawn: tuple[RoutingTable, set[tuple[str, str]], set[tuple[str, str]]], name: str, version: str | None
) -> None:
    assume(name not in ("alpha", "beta", "gamma"))
    with pytest.raises(NotFound) as caught:
        drawn[0].select(name, version)
    assert caught.value.code == "model_not_found"
    assert len(caught.value.message) < 100


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(NotFound) as caught:
        table({("alpha", "1"), ("beta", "1")}, set()).select("gamma", None)
    assert caught.value.message == "there is no model 'gamma'"
    assert caught.value.expected in ("one of: alpha, beta", "one of: beta, alpha")


def test_an_unknown_version_is_refused_with_the_known_ones_in_order() -> None:
    with pytest.raises(NotFound) as caught:
        table({("alpha", "10"), ("alpha", "9"), ("beta", "3")}, set()).select("alpha", "3")
    assert caught.value.code == "version_not_found"
    assert caught.value.message == "model 'alpha' has no version '3'"
    assert caught.value.expected == "one of: 9, 10"


def test_an_empty_table_says_that_nothing_is_loaded() -> None:
    with pytest.raises(NotFound) as caught:
        RoutingTable().require("alpha")
    assert caught.value.expected == "one of: none is loaded"


def test_what_is_known_and_not_ready_is_loading_and_says_where_to_look() -> None:
    routes = table({("alpha", "1"), ("alpha", "2")}, {("alpha", "1")})
    with pytest.raises(Loading, match="version 2 of model 'alpha' is not ready; /v1/models/alpha tells its state"):
        routes.select("alpha", "2")
    with pytest.raises(Loading, match="model 'beta' is not ready; /v1/models/beta tells its state"):
        table({("beta", "1")}, set()).select("beta", None)


def test_a_known_name_or_version_passes_the_requirement_ready_or_not() -> None:
    routes = table({("alpha", "1")}, set())
    routes.require("alpha")
    routes.require("alpha", "1")
    with pytest.raises(NotFound):
        routes.require("alpha", "2")


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RoutingTable().known = {}  # type: ignore[misc]
