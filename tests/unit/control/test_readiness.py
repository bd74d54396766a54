"""What a server lacks before it is ready, at first and later."""

from __future__ import annotations

import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import VersionRegistry, VersionState

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.unit.control.serving import served_version


@pytest.fixture
def bundle(make_tiny_bundle: MakeBundle) -> Bundle:
    return make_tiny_bundle()


class Desk:
    """A registry that is told what is desired as `name version`."""

    def __init__(self, bundle: Bundle, *, all_must_serve: bool = False) -> None:
        self._report = report_on(bundle)
        self.registry = VersionRegistry(all_must_serve=all_must_serve)

    def desire(self, *pairs: str) -> None:
        """Desire these versions and nothing else."""
        models: dict[str, list[DesiredVersion]] = {}
        for name, version in map(str.split, pairs):
            models.setdefault(name, []).append(DesiredVersion(version=version))
        self.registry.desire(
            DesiredState(models=[DesiredModel(name=name, versions=versions) for name, versions in models.items()])
        )

    def ready(self, *pairs: str) -> None:
        """These versions answer from now on."""
        for name, version in map(str.split, pairs):
            self.registry.ready(served_version(name, version), self._report)

    @property
    def missing(self) -> list[str]:
        """What the server lacks, with its state."""
        return [f"{each.name} {each.version} {each.state}" for each in self.registry.missing()]


def test_where_all_must_serve_every_desired_version_has_to_be_ready_at_first(bundle: Bundle) -> None:
    desk = Desk(bundle, all_must_serve=True)
    desk.desire("a 1", "a 2", "b 1")
    assert desk.missing == ["a 1 loading", "a 2 loading", "b 1 loading"]
    desk.ready("a 1", "b 1")
    assert desk.missing == ["a 2 loading"]
    desk.registry.fail("a", "2", "broken")
    assert desk.missing == ["a 2 failed"]
    desk.ready("a 2")
    assert desk.missing == []


def test_a_failed_version_does_not_keep_a_server_unready_where_another_serves(bundle: Bundle) -> None:
    desk = Desk(bundle)
    desk.desire("a 1", "b 1", "c 1")
    desk.registry.fail("a", "1", "broken")
    assert desk.missing == ["a 1 failed", "b 1 loading", "c 1 loading"]
    desk.ready("b 1")
    assert desk.missing == ["c 1 loading"]
    desk.registry.fail("c", "1", "broken")
    assert desk.missing == []


@pytest.mark.parametrize("all_must_serve", [False, True])
def test_a_server_whose_versions_have_all_failed_is_not_ready(bundle: Bundle, all_must_serve: bool) -> None:
    desk = Desk(bundle, all_must_serve=all_must_serve)
    desk.desire("a 1", "b 1")
    desk.registry.fail("a", "1", "broken")
    desk.registry.fail("b", "1", "broken")
    assert desk.missing == ["a 1 failed", "b 1 failed"]


@pytest.mark.parametrize(("all_must_serve", "missing"), [(False, []), (True, ["b 2 failed"])])
def test_a_model_whose_next_version_failed_after_its_last_has_gone_leaves_the_other_models_serving(
    bundle: Bundle, all_must_serve: bool, missing: list[str]
) -> None:
    desk = Desk(bundle, all_must_serve=all_must_serve)
    desk.desire("a 1", "b 1")
    desk.ready("a 1", "b 1")
    desk.desire("a 1", "b 2")
    desk.registry.retire("b", "1")
    assert desk.missing == ["b 2 loading"]
    desk.registry.fail("b", "2", "broken")
    assert desk.missing == missing


def test_a_version_that_drains_is_no_version_that_serves(bundle: Bundle) -> None:
    desk = Desk(bundle)
    desk.desire("a 1", "b 1")
    desk.ready("a 1")
    desk.registry.retire("a", "1")
    desk.desire("b 1")
    desk.registry.fail("b", "1", "broken")
    assert desk.missing == ["b 1 failed"]


def test_a_server_that_was_ready_stays_so_while_a_newcomer_loads_and_when_it_fails(bundle: Bundle) -> None:
    desk = Desk(bundle)
    desk.desire("a 1")
    desk.ready("a 1")
    assert desk.missing == []
    desk.desire("a 2")
    assert desk.missing == []
    desk.registry.fail("a", "2", "broken")
    assert desk.missing == []


def test_nobody_has_to_ask_for_a_server_to_have_been_ready(bundle: Bundle) -> None:
    desk = Desk(bundle)
    desk.desire("a 1")
    desk.ready("a 1")
    desk.desire("a 1", "a 2")
    assert desk.missing == []


def test_a_server_that_never_was_ready_waits_for_every_version_of_its_newest_desire(bundle: Bundle) -> None:
    desk = Desk(bundle, all_must_serve=True)
    desk.desire("a 1", "a 2")
    desk.ready("a 1")
    desk.registry.fail("a", "2", "broken")
    desk.desire("a 1", "a 3")
    assert desk.missing == ["a 3 loading"]
    desk.desire("a 1")
    assert desk.missing == []


def test_later_a_new_model_that_loads_or_fails_does_not_make_the_server_unready(bundle: Bundle) -> None:
    desk = Desk(bundle)
    desk.desire("a 1")
    desk.ready("a 1")
    desk.desire("a 1", "b 1", "b 2")
    assert desk.missing == []
    desk.registry.fail("b", "1", "broken")
    assert desk.missing == []


def test_a_version_that_drains_no_longer_stands_in_for_its_model(bundle: Bundle) -> None:
    desk = Desk(bundle)
    desk.desire("a 1")
    desk.ready("a 1")
    desk.desire("a 2")
    desk.registry.retire("a", "1")
    assert desk.missing == ["a 2 loading"]


@pytest.mark.parametrize("state", [VersionState.LOADING, VersionState.VERIFYING, VersionState.WARMING])
def test_a_version_that_is_loaded_anew_is_not_missing(bundle: Bundle, state: VersionState) -> None:
    desk = Desk(bundle)
    desk.desire("a 1")
    desk.ready("a 1")
    desk.registry.advance("a", "1", state)
    assert desk.missing == []


def test_nothing_is_missing_where_nothing_is_desired_and_that_counts_for_no_readiness(bundle: Bundle) -> None:
    desk = Desk(bundle)
    assert desk.missing == []
    desk.desire()
    desk.desire("a 1", "a 2")
    desk.ready("a 1")
    assert desk.missing == ["a 2 loading"]
