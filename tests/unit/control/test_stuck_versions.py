"""A version that is stuck in a forward pass takes no requests until that returns."""

from __future__ import annotations

import pytest
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import VersionRegistry, VersionState
from plimsoll.errors import Loading, Stuck
from plimsoll.inference.payloads import Target
from plimsoll.inference.served_version import ServedVersion

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.unit.control.serving import served_version

TINY = Target("tiny")


class Shop:
    """A registry of the versions of one model, all of them ready."""

    def __init__(self, make_tiny_bundle: MakeBundle) -> None:
        self.report = report_on(make_tiny_bundle())
        self.registry = VersionRegistry()

    def serve(self, *versions: str) -> list[ServedVersion]:
        wanted = [DesiredVersion(version=version) for version in versions]
        self.registry.desire(DesiredState(models=[DesiredModel(name="tiny", versions=wanted)]))
        served = [served_version("tiny", version) for version in versions]
        for each in served:
            self.registry.ready(each, self.report)
        return served

    @property
    def states(self) -> list[str]:
        return [status.state.value for status in self.registry.statuses()]

    @property
    def missing(self) -> list[str]:
        return [f"{each.version} {each.state}" for each in self.registry.missing()]


@pytest.fixture
def shop(make_tiny_bundle: MakeBundle) -> Shop:
    return Shop(make_tiny_bundle)


def test_the_only_version_refuses_is_shown_as_stuck_and_makes_the_server_unready_until_it_is_free(shop: Shop) -> None:
    (served,) = shop.serve("1")
    shop.registry.stick(served, stuck=True)
    for target in (TINY, Target("tiny", "1")):
        with pytest.raises(Stuck, match="is stuck: its model or its task does not return"):
            shop.registry.table.select(target)
    assert (shop.states, shop.missing) == (["stuck"], ["1 stuck"])
    shop.registry.stick(served, stuck=False)
    assert shop.registry.table.select(TINY) is served
    assert (shop.states, shop.missing) == (["ready"], [])


def test_the_other_versions_take_the_requests_and_the_server_stays_ready(shop: Shop) -> None:
    one, two = shop.serve("1", "2")
    shop.registry.stick(two, stuck=True)
    assert shop.registry.table.select(TINY) is one
    with pytest.raises(Stuck):
        shop.registry.table.select(Target("tiny", "2"))
    assert (shop.states, shop.missing) == (["ready", "stuck"], [])
    shop.registry.stick(one, stuck=True)
    assert shop.missing == ["1 stuck", "2 stuck"]


def test_a_version_that_took_the_place_of_a_stuck_one_is_not_stuck(shop: Shop) -> None:
    (old,) = shop.serve("1")
    shop.registry.stick(old, stuck=True)
    new = served_version("tiny", "1")
    shop.registry.ready(new, shop.report)
    assert (shop.states, shop.registry.table.select(TINY)) == (["ready"], new)
    shop.registry.stick(old, stuck=True)
    assert shop.states == ["ready"]


def test_a_version_that_is_gone_is_passed_over(shop: Shop) -> None:
    (old,) = shop.serve("1")
    shop.serve("2")
    shop.registry.retire("tiny", "1")
    shop.registry.forget("tiny", "1")
    shop.registry.stick(old, stuck=True)
    assert shop.states == ["ready"]


def test_a_stuck_version_takes_no_requests_while_it_is_loaded_again(shop: Shop) -> None:
    (served,) = shop.serve("1")
    shop.registry.stick(served, stuck=True)
    shop.registry.advance("tiny", "1", VersionState.WARMING)
    with pytest.raises(Stuck):
        shop.registry.table.select(TINY)
    assert shop.states == ["warming"]
    shop.registry.fail("tiny", "1", "check 'golden' failed")
    assert (shop.states, shop.missing) == (["stuck"], ["1 stuck"])


def test_a_version_that_gets_stuck_while_it_is_loaded_again_is_in_that_state_after_it(shop: Shop) -> None:
    (served,) = shop.serve("1")
    shop.registry.advance("tiny", "1", VersionState.LOADING)
    shop.registry.stick(served, stuck=True)
    assert shop.states == ["loading"]
    with pytest.raises(Stuck):
        shop.registry.table.select(TINY)
    shop.registry.fail("tiny", "1", "check 'golden' failed")
    assert shop.states == ["stuck"]


def test_a_stuck_version_that_is_retired_drains(shop: Shop) -> None:
    one, _ = shop.serve("1", "2")
    shop.registry.retire("tiny", "1")
    shop.registry.stick(one, stuck=True)
    assert shop.states == ["draining", "ready"]


def test_a_version_that_loads_is_not_said_to_be_stuck(shop: Shop) -> None:
    shop.registry.desire(DesiredState(models=[DesiredModel(name="tiny", versions=[DesiredVersion(version="1")])]))
    with pytest.raises(Loading):
        shop.registry.table.select(TINY)
