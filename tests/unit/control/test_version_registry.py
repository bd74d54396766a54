from __future__ import annotations

from collections.abc import Callable

import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import VersionRegistry, VersionState
from plimsoll.errors import LoadFailed, Loading, NotFound
from plimsoll.inference.payloads import Target
from plimsoll.inference.served_version import ServedVersion

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.unit.control.serving import served_version

TINY = Target("tiny")


@pytest.fixture
def bundle(make_tiny_bundle: MakeBundle) -> Bundle:
    return make_tiny_bundle()


def desired(**models: dict[str, int | None]) -> DesiredState:
    """Models with their versions and the weights of these."""
    return DesiredState(
        models=[
            DesiredModel(
                name=name,
                versions=[DesiredVersion(version=version, weight=weight) for version, weight in versions.items()],
            )
            for name, versions in models.items()
        ]
    )


def make_ready(registry: VersionRegistry, bundle: Bundle, version: str, name: str = "tiny") -> ServedVersion:
    served = served_version(name, version)
    registry.ready(served, report_on(bundle))
    return served


def listed(registry: VersionRegistry) -> list[tuple[str, str, str]]:
    return [(each.name, each.version, each.state.value) for each in registry.statuses()]


def test_a_version_is_visible_as_soon_as_it_is_desired_and_answers_once_ready(bundle: Bundle) -> None:
    registry = VersionRegistry()
    with pytest.raises(Loading, match="nothing is loaded yet"):
        registry.table.select(Target("tiny", "1"))
    registry.desire(desired(tiny={"1": None}))
    assert listed(registry) == [("tiny", "1", "loading")]
    for state in (VersionState.LOADING, VersionState.VERIFYING, VersionState.WARMING):
        registry.advance("tiny", "1", state)
        assert registry.status("tiny", "1").state is state
        with pytest.raises(Loading):
            registry.table.select(Target("tiny", "1"))
    served = make_ready(registry, bundle, "1")
    assert registry.table.select(Target("tiny", "1")) is served
    assert registry.table.select(TINY) is served


def test_loads_that_have_ended_are_counted_well_or_not_and_never_forgotten(bundle: Bundle) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": None, "2": None}))
    assert registry.loads("tiny", "1") == registry.loads("other", "1") == 0
    make_ready(registry, bundle, "1")
    registry.advance("tiny", "1", VersionState.WARMING)
    registry.fail("tiny", "1", "check 'golden' failed")
    registry.fail("tiny", "2", "check 'golden' failed")
    registry.desire(desired(tiny={"2": None}))
    registry.forget("tiny", "1")
    assert (registry.loads("tiny", "1"), registry.loads("tiny", "2")) == (2, 1)


def test_a_ready_version_has_its_report_and_a_failed_one_its_reason(bundle: Bundle) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": None, "2": None}))
    make_ready(registry, bundle, "1")
    registry.fail("tiny", "2", "check 'golden' failed")
    ready, failed = registry.statuses()
    assert (ready.state, ready.reason) == (VersionState.READY, None)
    assert ready.report is not None
    assert (failed.state, failed.reason, failed.report, failed.served) == (
        VersionState.FAILED, "check 'golden' failed", None, None,
    )  # fmt: skip


def test_a_failed_version_leaves_the_others_answering(bundle: Bundle) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": None, "2": None}))
    served = make_ready(registry, bundle, "1")
    registry.fail("tiny", "2", "broken")
    assert registry.table.select(Target()) is served
    with pytest.raises(LoadFailed, match="version 2 of model 'tiny' could not be loaded"):
        registry.table.select(Target("tiny", "2"))


def test_a_model_whose_versions_have_all_failed_says_so_and_one_of_them_that_loads_makes_it_wait(
    bundle: Bundle,
) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": None, "2": None}))
    registry.fail("tiny", "1", "broken")
    with pytest.raises(Loading, match="model 'tiny' is not ready"):
        registry.table.select(TINY)
    registry.fail("tiny", "2", "broken")
    with pytest.raises(LoadFailed, match=r"^model 'tiny' could not be loaded") as caught:
        registry.table.select(TINY)
    assert (caught.value.status, caught.value.code, caught.value.retry_after_seconds) == (503, "failed", None)
    registry.advance("tiny", "2", VersionState.LOADING)
    with pytest.raises(Loading):
        registry.table.select(Target("tiny", "2"))
    served = make_ready(registry, bundle, "2")
    assert registry.table.select(TINY) is served


def test_a_version_that_is_loaded_anew_answers_through_every_step_and_through_a_failure(bundle: Bundle) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": None}))
    served = make_ready(registry, bundle, "1")
    for state in (VersionState.LOADING, VersionState.VERIFYING, VersionState.WARMING):
        registry.advance("tiny", "1", state)
        assert registry.table.select(TINY) is served
    registry.fail("tiny", "1", "check 'digest' failed")
    status = registry.status("tiny", "1")
    assert (status.state, status.reason, status.served) == (VersionState.READY, "check 'digest' failed", served)
    assert registry.table.select(TINY) is served
    newer = make_ready(registry, bundle, "1")
    assert registry.table.select(TINY) is newer
    assert registry.status("tiny", "1").reason is None


def test_a_retired_version_takes_nobody_in_and_is_listed_until_it_is_forgotten(bundle: Bundle) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": None, "2": None}))
    make_ready(registry, bundle, "1")
    served = make_ready(registry, bundle, "2")
    registry.desire(desired(tiny={"2": None}))
    registry.retire("tiny", "1")
    assert listed(registry) == [("tiny", "1", "draining"), ("tiny", "2", "ready")]
    assert registry.table.select(TINY) is served
    with pytest.raises(NotFound) as caught:
        registry.table.select(Target("tiny", "1"))
    assert caught.value.expected == "one of: 2"
    registry.forget("tiny", "1")
    assert listed(registry) == [("tiny", "2", "ready")]


def test_a_model_whose_last_version_drains_is_no_longer_there_to_ask(bundle: Bundle) -> None:
    registry = VersionRegistry()
    make_ready(registry, bundle, "1")
    registry.retire("tiny", "1")
    with pytest.raises(NotFound) as caught:
        registry.table.select(TINY)
    assert (caught.value.code, caught.value.expected) == ("model_not_found", "one of: none is loaded")


def test_a_version_that_is_desired_again_while_it_drains_starts_from_the_beginning(bundle: Bundle) -> None:
    registry = VersionRegistry()
    make_ready(registry, bundle, "1")
    registry.retire("tiny", "1")
    registry.desire(desired(tiny={"1": None}))
    status = registry.status("tiny", "1")
    assert (status.state, status.served, status.report) == (VersionState.LOADING, None, None)
    with pytest.raises(Loading):
        registry.table.select(TINY)


def test_a_new_desire_leaves_what_is_known_as_it_is(bundle: Bundle) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": None, "2": None}))
    served = make_ready(registry, bundle, "1")
    registry.fail("tiny", "2", "broken")
    registry.desire(desired(tiny={"2": None, "3": None}))
    assert listed(registry) == [("tiny", "1", "ready"), ("tiny", "2", "failed"), ("tiny", "3", "loading")]
    assert registry.table.select(TINY) is served


def test_weights_hold_from_the_moment_they_are_desired(bundle: Bundle) -> None:
    registry = VersionRegistry()
    registry.desire(desired(tiny={"1": 100, "2": 0}))
    old, new = make_ready(registry, bundle, "1"), make_ready(registry, bundle, "2")
    assert (registry.weight("tiny", "1"), registry.weight("tiny", "2")) == (100, 0)
    assert registry.table.select(TINY) is old
    registry.desire(desired(tiny={"1": 0, "2": 100}))
    assert registry.table.select(TINY) is new
    registry.desire(desired(tiny={"1": None, "2": None}))
    assert registry.table.select(TINY) is new
    assert registry.weight("tiny", "2") is None
    assert registry.weight("ghost", "1") is None


def test_versions_are_listed_by_name_and_rising_version() -> None:
    registry = VersionRegistry()
    registry.desire(desired(b={"10": None, "9": None, "1.10": None, "1.9": None}, a={"2": None}))
    assert [(each.name, each.version) for each in registry.statuses()] == [
        ("a", "2"), ("b", "1.9"), ("b", "1.10"), ("b", "9"), ("b", "10"),
    ]  # fmt: skip


def test_the_registry_is_empty_until_a_version_is_desired_and_when_none_is_any_more(bundle: Bundle) -> None:
    registry = VersionRegistry()
    seen = [registry.empty]
    registry.desire(desired(tiny={"1": None}))
    seen.append(registry.empty)
    make_ready(registry, bundle, "1")
    registry.desire(desired())
    seen.append(registry.empty)
    assert seen == [True, False, True]


def test_a_readable_desire_clears_the_error_of_an_unreadable_one() -> None:
    registry = VersionRegistry()
    assert registry.desired_error is None
    registry.keep("the desired state cannot be read")
    registry.desire(desired(tiny={"1": None}))
    assert registry.desired_error is None


def test_a_default_that_was_never_loaded_is_refused_with_what_there_is(bundle: Bundle) -> None:
    registry = VersionRegistry(default_model="ghost")
    make_ready(registry, bundle, "1")
    with pytest.raises(NotFound, match="there is no model 'ghost'") as caught:
        registry.table.select(Target())
    assert caught.value.expected == "one of: tiny"


def test_the_default_and_the_track_outlive_every_change(bundle: Bundle) -> None:
    registry = VersionRegistry(default_model="beta", track="canary")
    registry.desire(desired(alpha={"1": None}, beta={"1": None}))
    make_ready(registry, bundle, "1", "alpha")
    served = make_ready(registry, bundle, "1", "beta")
    assert registry.table.select(Target()) is served
    assert registry.table.select(Target(pin="canary")) is served


def test_a_table_that_a_request_holds_stays_as_it_was(bundle: Bundle) -> None:
    registry = VersionRegistry()
    served = make_ready(registry, bundle, "1")
    held = registry.table
    make_ready(registry, bundle, "2")
    registry.retire("tiny", "1")
    registry.forget("tiny", "1")
    assert held.select(TINY) is served
    assert held.select(Target("tiny", "1")) is served
    assert registry.table is not held
    assert registry.table.select(TINY).version == "2"


@pytest.mark.parametrize("ask", ["status", "advance", "retire", "forget", "fail"])
def test_a_version_that_was_never_desired_has_no_status(ask: str) -> None:
    registry = VersionRegistry()
    asks: dict[str, Callable[[], object]] = {
        "status": lambda: registry.status("tiny", "1"),
        "advance": lambda: registry.advance("tiny", "1", VersionState.READY),
        "retire": lambda: registry.retire("tiny", "1"),
        "forget": lambda: registry.forget("tiny", "1"),
        "fail": lambda: registry.fail("tiny", "1", "broken"),
    }
    with pytest.raises(KeyError):
        asks[ask]()
