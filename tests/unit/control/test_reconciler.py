"""How one version is brought up, step by step, with a loader that follows a script."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.control.version_registry import VersionState
from plimsoll.errors import BundleError, DeviceError
from safetensors.torch import save

from tests.conftest import MakeBundle
from tests.doubles.bundles import without_threshold
from tests.unit.control.serving import ScriptedLoader, Serving, refusing
from tests.unit.eventually import PATIENCE_SECONDS

STEPS = ("load", "prove", "prove_requests", "warm")
SPAM = "tests.doubles.odd_models:Spam"


async def test_every_version_is_loaded_proven_and_warmed_one_after_the_other(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    loader = ScriptedLoader()
    serving = Serving(tmp_path, loader)
    await serving.reconcile("2", "1")
    assert loader.steps == [(step, version) for version in ("2", "1") for step in STEPS]
    assert serving.states == {"1": VersionState.READY, "2": VersionState.READY}
    assert threading.current_thread().name not in loader.threads


async def test_a_ready_version_is_reported_with_what_was_found_out(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = make_tiny_bundle()
    serving = Serving(tmp_path, ScriptedLoader())
    with caplog.at_level(logging.INFO, "plimsoll"):
        await serving.reconcile("1")
    (status,) = serving.watcher.statuses
    assert status.report is not None
    assert (status.report.digest, status.report.device, status.report.parameters) == (bundle.digest, "cpu", 0)
    assert status.report.inline_rows == 100
    assert status.state is VersionState.READY
    assert serving.watcher.heard == ["ready 1"]
    assert status.report.manifest == bundle.manifest
    assert status.report.batch_seconds == {1: 0.5}
    assert status.report.load_seconds >= 0
    assert "model tiny version 1 is ready on cpu (0 parameters, " in caplog.text


async def test_one_label_of_one_score_is_served_as_before_and_remarked_in_the_log(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = make_tiny_bundle(architecture=None, factory=SPAM, parameters={}, weights=save({}), labels=["spam"])
    without_threshold(bundle)
    serving = Serving(tmp_path, ScriptedLoader())
    await serving.reconcile("1")
    assert serving.states == {"1": VersionState.READY}
    assert (
        "model tiny version 1: its output 'output' is one score a row with one label and no threshold, so every answer "
        "is 'spam'; make the next version with `plimsoll bundle create`, which gives it two classes"
    ) in [record.message for record in caplog.records if record.levelname == "WARNING"]


async def test_all_versions_are_known_while_the_first_is_still_loading(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    seen: dict[str, dict[str, VersionState]] = {}
    serving = Serving(
        tmp_path,
        ScriptedLoader(**{step: lambda bundle, at=step: note(bundle, at) for step in ("load", "prove", "warm")}),
    )

    def note(bundle: Bundle, at: str) -> None:
        seen[f"{at} {bundle.manifest.version}"] = serving.states

    await serving.reconcile("1", "2")
    assert seen["load 1"] == {"1": VersionState.LOADING, "2": VersionState.LOADING}
    assert seen["prove 1"]["1"] is VersionState.VERIFYING
    assert seen["warm 1"]["1"] is VersionState.WARMING
    assert seen["load 2"] == {"1": VersionState.READY, "2": VersionState.LOADING}


@pytest.mark.parametrize(("step", "check"), [("load", "weights"), ("prove", "golden"), ("warm", "signature")])
async def test_a_failed_check_is_logged_and_told_and_the_others_go_on(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture, step: str, check: str
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    serving = Serving(tmp_path, ScriptedLoader(**{step: refusing("1", BundleError(check, "it is broken"))}))
    await serving.reconcile("1", "2")
    assert serving.states == {"1": VersionState.FAILED, "2": VersionState.READY}
    assert serving.reason("1") == f"check '{check}' failed: it is broken"
    assert serving.watcher.heard == [f"failed 1 {check}", "ready 2"]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == f"model tiny version 1 is not served: check '{check}' failed: it is broken"
    assert record.__dict__["check"] == check


async def test_a_bundle_that_is_tampered_with_or_missing_is_not_even_loaded(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = make_tiny_bundle()
    with (bundle.path / "weights.safetensors").open("ab") as stream:
        stream.write(b"x")
    loader = ScriptedLoader()
    serving = Serving(tmp_path, loader)
    await serving.reconcile("1", "7")
    assert loader.steps == []
    assert serving.reason("1").startswith("check 'digest' failed: weights.safetensors was changed after the bundle")
    assert serving.reason("7") == "check 'files' failed: there is no bundle of tiny version 7; bundles there: tiny 1"
    assert serving.watcher.heard == ["failed 1 digest", "failed 7 files"]


async def test_an_error_without_a_check_is_told_by_its_code(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    serving = Serving(tmp_path, ScriptedLoader(load=refusing("1", DeviceError("no such device"))))
    await serving.reconcile("1")
    assert serving.reason("1") == "check 'internal' failed: no such device"


async def test_a_break_down_is_logged_with_its_trace_and_not_told_to_clients(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    serving = Serving(tmp_path, ScriptedLoader(prove=refusing("1", ZeroDivisionError("at /srv/secret"))))
    await serving.reconcile("1", "2")
    assert serving.states == {"1": VersionState.FAILED, "2": VersionState.READY}
    assert serving.reason("1") == "loading broke down; the server's log has the trace"
    assert "ZeroDivisionError: at /srv/secret" in caplog.text
    assert serving.watcher.heard == ["failed 1 internal", "ready 2"]


async def test_nothing_to_serve_is_an_error_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    serving = Serving(tmp_path, ScriptedLoader())
    await serving.reconcile()
    assert serving.registry.statuses() == []
    assert "there is nothing to serve: no bundle was found and no desired state names one" in caplog.text


async def test_the_event_loop_turns_while_a_version_loads(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    loop, entered, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wait(_: Bundle) -> None:
        loop.call_soon_threadsafe(entered.set)
        assert release.wait(timeout=30), "the event loop stood still"

    serving = Serving(tmp_path, ScriptedLoader(load=wait))
    loading = asyncio.create_task(serving.reconcile("1"))
    await asyncio.wait_for(entered.wait(), PATIENCE_SECONDS)
    assert serving.states == {"1": VersionState.LOADING}
    release.set()
    await loading
    assert serving.states == {"1": VersionState.READY}
