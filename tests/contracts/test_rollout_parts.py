"""The parts of the end-to-end tests of rollouts that need no cluster."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.canaries import outcomes
from tests.e2e.rollouts import Course, Outcome
from tests.e2e.rollouts_driver import PROMOTED, ROLLED_BACK, Driver, run_command
from tests.e2e.rollouts_models import FAILS, STABLE
from tests.e2e.rollouts_route import Moment, Seen, canary_percent, documents, writers_of_spec
from tests.e2e.rollouts_together import together


def route(*weights: int, managers: tuple[str, ...] = ("helm",)) -> dict[str, Any]:
    """An HTTPRoute whose status a Gateway writes."""
    fields = [{"manager": each, "fieldsV1": {"f:metadata": {}, "f:spec": {"f:rules": {}}}} for each in managers]
    fields.append({"manager": "gateway", "subresource": "status", "fieldsV1": {"f:status": {}}})
    return {
        "metadata": {"managedFields": fields},
        "spec": {"rules": [{"backendRefs": [{"name": "a", "weight": weight} for weight in weights]}]},
    }


def test_a_route_shows_the_weight_of_the_canary_and_who_wrote_it() -> None:
    assert [canary_percent(each) for each in (route(1), route(100, 0), route(75, 25))] == [0, 0, 25]
    assert writers_of_spec(route(75, 25, managers=("helm", "kubectl-edit"))) == {"helm", "kubectl-edit"}


def test_a_watch_keeps_the_moments_at_which_the_weight_changed() -> None:
    seen = Seen()
    for at, weights in enumerate([(1,), (100, 0), (95, 5), (95, 5), (50, 50), (100, 0), (1,)]):
        seen.add(route(*weights), at)
    assert seen.moments == [Moment(0, 0), Moment(2, 5), Moment(4, 50), Moment(5, 0)]
    assert (seen.first_at(), seen.left_at(2), seen.left_at(5)) == (2, 5, None)
    assert seen.writers == {"helm"}


def test_a_stream_of_documents_comes_apart_at_their_braces() -> None:
    written = "".join(json.dumps(route(1 + place), indent=4) + "\n" for place in range(3))
    assert [canary_percent(each) for each in documents(written.splitlines(keepends=True))] == [0, 0, 0]
    assert len(list(documents(written.splitlines(keepends=True)[:-1]))) == 2


@pytest.fixture
def outcome() -> Outcome:
    """A failing canary that was rolled back: 3 failures by its model, and one answer of a wrong class."""
    seen = Seen([Moment(0, 0), Moment(100, 5), Moment(400, 25), Moment(460, 0)], {"helm"})
    report = {
        "sent": 1000, "ok": 996, "by_status": {"200": 997, "500": 3}, "failures": {"none 500": 3, "14 class": 1},
        "errors": {}, "versions": {STABLE: 950, FAILS: 46},
    }  # fmt: skip
    values = {"model": {"version": STABLE}, "canary": {"mode": "none"}}
    return Outcome(
        Course("fails", FAILS), ROLLED_BACK, "", report, seen, {}, values, began=50, ended=480, canary_requests=50
    )


def test_an_outcome_says_what_a_rollout_cost(outcome: Outcome) -> None:
    assert outcome.words() == (
        "rolled back after 6.0 min; 1000 requests, 50 to the canary, 3 failed for users, 1 answered wrongly, "
        "0 because of the rollout; mode none, version 11"
    )
    outcome.check(ROLLED_BACK)
    assert replace(outcome, code=PROMOTED).minutes == pytest.approx(380 / 60)
    assert replace(outcome, seen=Seen([Moment(0, 0)], {"helm"})).minutes == pytest.approx(430 / 60)
    assert "0 because of the kills" in outcome.words("the kills")


@pytest.mark.parametrize(
    "change",
    [
        {"code": PROMOTED},
        {"code": 1},
        {"values": {"model": {"version": FAILS}, "canary": {"mode": "none"}}},
        {"values": {"model": {"version": STABLE}, "canary": {"mode": "gatewayAPI"}}},
        {"seen": Seen([Moment(0, 5)], {"helm"})},
        {"seen": Seen([Moment(0, 0)], {"helm", "kubectl-edit"})},
        {"report": {"sent": 1000, "by_status": {"200": 997, "503": 3}, "failures": {"none 503": 3}, "errors": {}}},
    ],
    ids=["another end", "an error", "another version", "a canary is left", "a weight is left", "two writers", "a 503"],
)  # fmt: skip
def test_an_outcome_that_is_not_right_is_found(outcome: Outcome, change: dict[str, Any]) -> None:
    changed = replace(outcome, **change)
    with pytest.raises(AssertionError):
        changed.check(ROLLED_BACK)


def test_a_killed_driver_goes_on_and_what_all_of_its_processes_said_is_kept(tmp_path: Path) -> None:
    script = "import sys, time; print('begun', flush=True); time.sleep(float(sys.argv[1]))"
    driver = Driver([sys.executable, "-c", script, "60"], tmp_path / "said.txt")
    for _ in range(2):
        driver.start()
        assert driver.wait(0.5) is None
        driver.kill()
    assert driver.starts == 2
    assert set(driver.said().split()) == {"begun"}
    driver.start()
    with pytest.raises(AssertionError, match="still under way"):
        driver.to_the_end(0.2)


def test_the_exit_code_of_a_driver_is_what_counts(tmp_path: Path) -> None:
    driver = Driver([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "said.txt")
    driver.start()
    assert driver.to_the_end(60) == ROLLED_BACK


def test_the_command_names_release_namespace_and_version() -> None:
    command = run_command("http://127.0.0.1:9090", "shop", "digits", "12", "--weights=50,100")
    assert command[1:4] == ["rollout", "run", "digits"]
    assert command[-2:] == ["12", "--weights=50,100"]


def test_jobs_run_together_and_at_most_so_many_at_once() -> None:
    running, most, lock = [0], [0], threading.Lock()
    both = threading.Barrier(2)

    def job(number: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        both.wait(timeout=60)  # two of them are there at the same time, or none goes on
        with lock:
            running[0] -= 1
        return number

    jobs: dict[str, Callable[[], int]] = {str(number): partial(job, number) for number in range(6)}
    assert together(jobs, most=2) == {str(number): number for number in range(6)}
    assert most[0] == 2


def test_every_job_that_failed_is_named_and_the_others_have_ended() -> None:
    ended: list[str] = []

    def fail() -> None:
        raise ValueError("it went wrong")

    with pytest.raises(AssertionError, match=r"2 of 3 failed:\none: ValueError: it went wrong\nthree: ValueError"):
        together({"one": fail, "two": lambda: ended.append("two"), "three": fail})
    assert ended == ["two"]


def test_a_shop_counts_visits_and_conversions_of_both_tracks() -> None:
    shop = outcomes.Shop("guarded", {"stable": 1.0, "canary": 0.0})
    for _ in range(3):
        shop.visit()
    lines = shop.metrics().splitlines()
    assert 'shop_visits_total{release="guarded",track="canary"} 3' in lines
    assert 'shop_conversions_total{release="guarded",track="stable"} 3' in lines
    assert 'shop_conversions_total{release="guarded",track="canary"} 0' in lines
