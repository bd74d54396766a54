from __future__ import annotations

import pytest

from service.bundle.folder import Bundle
from service.control.version_registry import VersionRegistry, VersionState
from service.errors import Loading, NotFound
from service.inference.ports import ServedVersion
from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.doubles.models import EchoModel


@pytest.fixture
def bundle(make_tiny_bundle: MakeBundle) -> Bundle:
    return make_tiny_bundle()


def make_ready(registry: VersionRegistry, bundle: Bundle, name: str, version: str) -> ServedVersion:
    served = ServedVersion(name, version, EchoModel())
    registry.ready(served, report_on(bundle))
    return served


def test_a_version_is_visible_from_its_announcement_on_and_answers_once_ready(bundle: Bundle) -> None:
    registry = VersionRegistry()
    with pytest.raises(NotFound):
        registry.select("tiny", "1")
    registry.announce("tiny", "1")
    for state in (VersionState.LOADING, VersionState.VERIFYING, VersionState.WARMING):
        registry.advance("tiny", "1", state)
        assert registry.status("tiny", "1").state is state
        with pytest.raises(Loading):
            registry.select("tiny", "1")
    served = make_ready(registry, bundle, "tiny", "1")
    assert registry.select("tiny", "1") is served
    assert registry.select("tiny", None) is served


def test_a_ready_version_has_its_report_and_a_failed_one_its_reason(bundle: Bundle) -> None:
    registry = VersionRegistry()
    make_ready(registry, bundle, "tiny", "1")
    registry.announce("tiny", "2")
    registry.fail("tiny", "2", "check 'golden' failed")
    ready, failed = registry.statuses()
    assert (ready.state, ready.reason) == (VersionState.READY, None)
    assert ready.report is not None
    assert (failed.state, failed.reason, failed.report, failed.served) == (
        VersionState.FAILED, "check 'golden' failed", None, None,
    )  # fmt: skip


def test_a_failed_version_leaves_the_others_answering(bundle: Bundle) -> None:
    registry = VersionRegistry()
    served = make_ready(registry, bundle, "tiny", "1")
    registry.announce("tiny", "2")
    registry.fail("tiny", "2", "broken")
    assert registry.select(None, None) is served
    with pytest.raises(Loading):
        registry.select("tiny", "2")


def test_versions_are_listed_by_name_and_rising_version() -> None:
    registry = VersionRegistry()
    for name, version in (("b", "10"), ("b", "9"), ("a", "2"), ("b", "1.10"), ("b", "1.9")):
        registry.announce(name, version)
    assert [(each.name, each.version) for each in registry.statuses()] == [
        ("a", "2"), ("b", "1.9"), ("b", "1.10"), ("b", "9"), ("b", "10"),
    ]  # fmt: skip


def test_all_are_ready_when_there_is_at_least_one_and_none_is_missing(bundle: Bundle) -> None:
    registry = VersionRegistry()
    seen = [registry.all_ready]
    registry.announce("tiny", "1")
    registry.announce("tiny", "2")
    make_ready(registry, bundle, "tiny", "1")
    seen.append(registry.all_ready)
    make_ready(registry, bundle, "tiny", "2")
    seen.append(registry.all_ready)
    registry.fail("tiny", "2", "broken")
    seen.append(registry.all_ready)
    assert seen == [False, False, True, False]


def test_a_request_without_a_name_goes_to_the_only_model(bundle: Bundle) -> None:
    registry = VersionRegistry()
    served = make_ready(registry, bundle, "tiny", "1")
    assert registry.default_name() == "tiny"
    assert registry.select(None, None) is served
    assert registry.select(None, "1") is served


def test_a_request_without_a_name_needs_a_default_where_there_are_several(bundle: Bundle) -> None:
    registry, chosen = VersionRegistry(), VersionRegistry(default_model="beta")
    for each in (registry, chosen):
        make_ready(each, bundle, "alpha", "1")
        make_ready(each, bundle, "beta", "1")
    with pytest.raises(NotFound, match="needs exactly one loaded model or PLIMSOLL_DEFAULT_MODEL") as caught:
        registry.select(None, None)
    assert (caught.value.code, caught.value.expected) == ("model_not_found", "a name out of: alpha, beta")
    assert chosen.select(None, None).name == "beta"
    assert chosen.select("alpha", None).name == "alpha"


def test_a_request_without_a_name_is_refused_where_nothing_is_loaded() -> None:
    with pytest.raises(NotFound) as caught:
        VersionRegistry().default_name()
    assert caught.value.expected == "a name out of: none is loaded"


def test_a_default_that_was_never_loaded_is_refused_with_what_there_is(bundle: Bundle) -> None:
    registry = VersionRegistry(default_model="ghost")
    make_ready(registry, bundle, "tiny", "1")
    with pytest.raises(NotFound, match="there is no model 'ghost'") as caught:
        registry.select(None, None)
    assert caught.value.expected == "one of: tiny"


def test_a_table_that_a_request_holds_stays_as_it_was(bundle: Bundle) -> None:
    registry = VersionRegistry()
    served = make_ready(registry, bundle, "tiny", "1")
    held = registry.table
    make_ready(registry, bundle, "tiny", "2")
    registry.fail("tiny", "1", "gone")
    assert held.select("tiny", None) is served
    assert registry.table is not held
    assert registry.select("tiny", None).version == "2"


@pytest.mark.parametrize("ask", ["status", "advance"])
def test_a_version_that_was_never_announced_has_no_status(ask: str) -> None:
    registry = VersionRegistry()
    with pytest.raises(KeyError):
        registry.status("tiny", "1") if ask == "status" else registry.advance("tiny", "1", VersionState.READY)
