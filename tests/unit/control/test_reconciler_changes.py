"""One desired state after another: the new is proven before the old retires, and no failure takes the old away."""

from __future__ import annotations

import itertools
import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import VersionState
from plimsoll.errors import BundleError, DesiredStateError, Draining, LoadFailed, NotFound
from plimsoll.inference.payloads import Target

from tests.conftest import MakeBundle
from tests.unit.control.serving import ScriptedLoader, Serving, refusing
from tests.unit.eventually import eventually

READY, FAILED, DRAINING = VersionState.READY, VersionState.FAILED, VersionState.DRAINING


@pytest.fixture
def three_versions(make_tiny_bundle: MakeBundle) -> list[Bundle]:
    return [make_tiny_bundle(version=version, seed=int(version)) for version in ("1", "2", "3")]


async def test_the_old_version_answers_until_the_new_one_is_ready(three_versions: list[Bundle], tmp_path: Path) -> None:
    seen: list[tuple[str, str, str | None]] = []

    def note(bundle: Bundle) -> None:
        answering = serving.registry.table.models["tiny"].ready
        seen.append((bundle.manifest.version, serving.states["1"], answering[0].version if answering else None))

    serving = Serving(tmp_path, ScriptedLoader(load=note, prove=note, warm=note))
    await serving.reconcile("1")
    await serving.reconcile("2")
    assert len(three_versions) == 3
    assert seen == [("1", state, None) for state in ("loading", "verifying", "warming")] + [("2", "ready", "1")] * 3
    await eventually(lambda: serving.states == {"2": READY})
    assert serving.watcher.heard == ["ready 1", "ready 2", "gone 1"]


async def test_every_answer_is_the_one_of_the_version_that_it_names(
    three_versions: list[Bundle], tmp_path: Path
) -> None:
    serving = Serving(tmp_path)
    await serving.reconcile("1", "2", "3")
    outputs = [(await serving.ask(bundle.manifest.version))[1] for bundle in three_versions]
    assert not any(np.array_equal(one, other) for one, other in itertools.pairwise(outputs))
    await serving.reconcile("2")
    version, output = await serving.ask()
    assert version == "2"
    np.testing.assert_array_equal(output, outputs[1])
    await serving.reconciler.close()


async def test_a_new_version_that_fails_leaves_the_old_one_serving_and_says_why(
    three_versions: list[Bundle], tmp_path: Path
) -> None:
    (three_versions[1].path / "weights.safetensors").write_bytes(b"corrupt")
    serving = Serving(tmp_path)
    await serving.reconcile("1")
    await serving.reconcile("2")
    assert serving.states == {"1": READY, "2": FAILED}
    assert serving.reason("2").startswith("check 'digest' failed")
    assert (await serving.ask())[0] == "1"
    assert serving.watcher.heard == ["ready 1", "failed 2 digest"]
    with pytest.raises(LoadFailed):
        await serving.ask("2")
    await serving.reconcile("3")
    await eventually(lambda: serving.states == {"3": READY})
    assert (await serving.ask())[0] == "3"


async def test_one_ready_version_is_enough_for_all_that_are_no_longer_wanted_to_retire(
    three_versions: list[Bundle], tmp_path: Path
) -> None:
    (three_versions[2].path / "golden.safetensors").unlink()
    serving = Serving(tmp_path)
    await serving.reconcile("1", "2")
    await serving.reconcile("2", "3")
    await eventually(lambda: serving.states == {"2": READY, "3": FAILED})


async def test_a_failed_version_is_forgotten_as_soon_as_it_is_no_longer_wanted_and_tried_when_it_is_again(
    three_versions: list[Bundle], tmp_path: Path
) -> None:
    loader = ScriptedLoader(load=refusing("1", BundleError("weights", "broken")), prove=refusing("2", ValueError("no")))
    serving = Serving(tmp_path, loader)
    await serving.reconcile("1")
    await serving.reconcile("2")
    assert len(three_versions) == 3
    assert serving.states == {"2": FAILED}
    await serving.reconcile("1")
    assert loader.steps == [("load", "1"), ("load", "2"), ("prove", "2"), ("load", "1")]
    assert serving.states == {"1": FAILED}


async def test_what_stays_desired_is_not_loaded_again_whether_it_serves_or_has_failed(
    three_versions: list[Bundle], tmp_path: Path
) -> None:
    loader = ScriptedLoader(load=refusing("2", BundleError("weights", "broken")))
    serving = Serving(tmp_path, loader)
    for _ in range(2):
        await serving.reconcile("1", "2")
    await serving.reconcile(DesiredVersion(version="1", weight=10), DesiredVersion(version="2", weight=90))
    assert len(three_versions) == 3
    assert [step for step in loader.steps if step[0] == "load"] == [("load", "1"), ("load", "2")]
    assert serving.registry.weight("tiny", "1") == 10


async def test_a_version_that_is_removed_drains_answers_who_is_inside_and_is_forgotten(
    three_versions: list[Bundle], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    serving = Serving(tmp_path)
    await serving.reconcile("1", "2")
    served = serving.registry.table.select(Target("tiny", "1"))
    expected = (await serving.ask("1"))[1]
    with served.lane.admission.admit(1):
        with caplog.at_level(logging.INFO, "plimsoll"):
            await serving.reconcile("2")
        assert serving.states == {"1": DRAINING, "2": READY}
        assert (await serving.ask())[0] == "2"
        with pytest.raises(NotFound):
            await serving.ask("1")
        with pytest.raises(Draining):
            served.lane.admission.admit(1)
        np.testing.assert_array_equal((await serving.answer(served))[1], expected)
        assert serving.states == {"1": DRAINING, "2": READY}
    await eventually(lambda: serving.states == {"2": READY})
    assert "model tiny version 1 is draining" in caplog.text
    assert len(three_versions) == 3
    assert serving.watcher.heard == ["ready 1", "ready 2", "gone 1"]


async def test_a_model_that_is_removed_drains_and_is_forgotten_though_nothing_takes_its_place(
    three_versions: list[Bundle], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    serving = Serving(tmp_path)
    await serving.reconcile("1")
    await serving.reconcile()
    await eventually(lambda: serving.states == {})
    assert len(three_versions) == 3
    assert "there is nothing to serve" in caplog.text
    with pytest.raises(NotFound):
        await serving.ask()


async def test_a_model_that_is_removed_does_not_touch_the_others(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    models = []
    for name in ("tiny", "other"):
        make_tiny_bundle(name=name)
        models.append(DesiredModel(name=name, versions=[DesiredVersion(version="1")]))
    await serving.reconciler.reconcile(DesiredState(models=models))
    await serving.reconciler.reconcile(DesiredState(models=models[:1]))
    await eventually(lambda: [each.name for each in serving.registry.statuses()] == ["tiny"])
    assert (await serving.ask())[0] == "1"


async def test_a_version_that_is_desired_again_while_it_drains_is_loaded_and_not_forgotten(
    three_versions: list[Bundle], tmp_path: Path
) -> None:
    serving = Serving(tmp_path)
    await serving.reconcile("1", "2")
    leaving = serving.registry.table.select(Target("tiny", "1"))
    with leaving.lane.admission.admit(1):
        await serving.reconcile("2")
        await serving.reconcile("1", "2")
        assert serving.states == {"1": READY, "2": READY}
        assert serving.registry.table.select(Target("tiny", "1")).lane is not leaving.lane
        assert (await serving.answer(leaving))[0] == "1"
    await leaving.lane.drain()
    for _ in range(3):
        assert (await serving.ask("1"))[0] == "1"
    assert len(three_versions) == 3
    assert serving.states == {"1": READY, "2": READY}
    assert serving.watcher.heard == ["ready 1", "ready 2", "gone 1", "ready 1"]


def broader(make: MakeBundle, **recipe: Any) -> Bundle:
    """A bundle whose rows may hold greater numbers, which is another signature."""
    return make(maximum=2, **recipe)


async def test_a_version_of_another_signature_is_refused_and_the_old_one_serves_on(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(version="1")
    broader(make_tiny_bundle, version="2")
    serving = Serving(tmp_path)
    await serving.reconcile("1")
    await serving.reconcile("2")
    assert serving.states == {"1": READY, "2": FAILED}
    assert serving.reason("2").startswith(
        "check 'signature' failed: version 2 has another signature than version 1, which serves under the same name"
    )
    assert (await serving.ask())[0] == "1"


@pytest.mark.parametrize("refused_before", [True, False])
async def test_a_version_of_another_signature_is_taken_by_force(
    make_tiny_bundle: MakeBundle, tmp_path: Path, refused_before: bool
) -> None:
    make_tiny_bundle(version="1")
    broader(make_tiny_bundle, version="2")
    serving = Serving(tmp_path)
    await serving.reconcile("1")
    if refused_before:
        await serving.reconcile("2")
    await serving.reconcile(DesiredVersion(version="2", force=True))
    await eventually(lambda: serving.states == {"2": READY})
    assert serving.reason("2") == ""


async def test_force_loads_nothing_again_that_serves_already(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle(version="1")
    serving = Serving(tmp_path)
    await serving.reconcile("1")
    await serving.reconcile(DesiredVersion(version="1", force=True))
    assert serving.watcher.heard == ["ready 1"]


async def test_a_version_that_drains_stands_in_no_other_signatures_way(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(version="1")
    broader(make_tiny_bundle, version="2")
    serving = Serving(tmp_path)
    await serving.reconcile("1")
    with serving.registry.table.select(Target("tiny")).lane.admission.admit(1):
        await serving.reconcile()
        await serving.reconcile("2")
        assert serving.states == {"1": DRAINING, "2": READY}
    await eventually(lambda: serving.states == {"2": READY})


async def test_another_name_may_have_another_signature(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    broader(make_tiny_bundle, name="other")
    serving = Serving(tmp_path)
    listed = [DesiredModel(name=name, versions=[DesiredVersion(version="1")]) for name in ("tiny", "other")]
    await serving.reconciler.reconcile(DesiredState(models=listed))
    assert [each.state for each in serving.registry.statuses()] == [READY, READY]


async def test_nothing_of_a_version_is_loaded_on_the_event_loop(three_versions: list[Bundle], tmp_path: Path) -> None:
    loader = ScriptedLoader()
    serving = Serving(tmp_path, loader)
    await serving.reconcile("1")
    await serving.reconcile(DesiredVersion(version="1", generation=1))
    assert len(three_versions) == 3
    assert threading.current_thread().name not in loader.threads


async def test_a_desired_state_that_cannot_be_read_changes_nothing_and_is_shown_until_one_can(
    three_versions: list[Bundle], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    serving = Serving(tmp_path)
    await serving.reconcile("1")
    serving.reconciler.keep(DesiredStateError("the desired state desired.yaml is not YAML"))
    assert len(three_versions) == 3
    assert (await serving.ask())[0] == "1"
    shown = [serving.registry.desired_error]
    assert "the desired state is left as it was: the desired state desired.yaml is not YAML" in caplog.text
    await serving.reconcile("1")
    shown.append(serving.registry.desired_error)
    assert shown == ["the desired state desired.yaml is not YAML", None]
    assert len(serving.lanes) == 1
