"""`plimsoll rollout` as a user runs it; helm and kubectl act on a release in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plimsoll.cli import rollout_session
from plimsoll.judge.verdict import Verdict
from plimsoll.rollout import prometheus_history
from plimsoll.rollout.clock import SteadyClock
from plimsoll.rollout.history import Traffic

from tests.doubles.rollout_cluster import NAME, FakeCluster
from tests.doubles.rollout_programs import ClusterPrograms
from tests.doubles.rollout_session import Session, bad_at, good, verdict
from tests.unit.cli.conftest import RunPlimsoll

RUN = ("rollout", "run", NAME, "--namespace=models", "--chart=charts/plimsoll", "--prometheus=http://127.0.0.1:9")
TO_2 = (*RUN, "--model-version=2")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A release in memory, behind the programs and the Prometheus that the commands use."""
    made = Session()

    def judge(_intervals: Any, start: float, _rules: Any) -> Verdict:
        return verdict(made.script(made.cluster.weight, made.time.now() - start))

    class Clock(SteadyClock):
        def now(self) -> float:
            return made.time.now()

        def monotonic(self) -> float:
            return made.time.monotonic()

        def sleep(self, seconds: float) -> None:
            super().sleep(0)
            made.time.sleep(seconds)

    monkeypatch.setattr(rollout_session, "LocalPrograms", lambda: ClusterPrograms(made.cluster))
    monkeypatch.setattr(rollout_session, "SteadyClock", Clock)
    monkeypatch.setattr(rollout_session, "judge", judge)
    monkeypatch.setattr(rollout_session, "check_scrapes", lambda *_: None)
    monkeypatch.setattr(rollout_session, "has_rules", lambda *_: True)
    monkeypatch.setattr(rollout_session, "offset_seconds", lambda *_: 0.0)
    history = prometheus_history.PrometheusHistory
    slower = {0.01: 0.6, 0.025: 0.3, 0.05: 0.1, 0.1: 0.02}
    monkeypatch.setattr(history, "read", lambda *_: ())
    monkeypatch.setattr(history, "traffic", lambda *_: Traffic(20.0, 0.005, slower))
    return made


def test_a_good_canary_is_exit_code_0(plimsoll: RunPlimsoll, session: Session) -> None:
    ran = plimsoll(*TO_2)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].endswith("promoted")
    assert session.cluster.present()["model"]["version"] == "2"


def test_a_bad_canary_is_exit_code_3(plimsoll: RunPlimsoll, session: Session) -> None:
    session.script = bad_at(25)
    ran = plimsoll(*TO_2, "--json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, lines[-1]["event"], lines[-1]["outcome"]) == (3, "ended", "rolled back")


def test_a_held_rollout_is_exit_code_4_and_a_person_goes_on(plimsoll: RunPlimsoll, session: Session) -> None:
    session.script = lambda weight, seconds: "hold" if weight == 25 else good(weight, seconds)
    ran = plimsoll(*TO_2, "--no-wait")
    assert ran.code == 4
    assert "the rollout waits for a person at stage `weight 25`" in ran.complaint
    shown = plimsoll("rollout", "status", NAME)
    assert "outcome    held" in shown.out
    assert "`plimsoll rollout step` goes on" in shown.out
    assert plimsoll("rollout", "step", NAME).code == 0
    assert session.cluster.weight == 50
    assert plimsoll("rollout", "promote", NAME).code == 0
    status = json.loads(plimsoll("rollout", "status", NAME, "--json").out)
    assert (status["outcome"], status["driver"]) == ("promoted", "")


def test_started_and_aborted(plimsoll: RunPlimsoll, session: Session) -> None:
    assert plimsoll("rollout", "start", *TO_2[2:]).code == 0
    assert session.cluster.weight == 5
    assert plimsoll("rollout", "abort", NAME).code == 0
    assert session.cluster.present()["canary"]["mode"] == "none"


def test_a_dry_run_prints_the_commands_and_changes_nothing(plimsoll: RunPlimsoll, session: Session) -> None:
    ran = plimsoll(*TO_2, "--dry-run")
    commands = [line for line in ran.out.splitlines() if "helm upgrade" in line]
    assert (ran.code, len(commands)) == (0, 12)
    assert "--set canary.weight=5 --namespace=models" in commands[1]
    assert [json.loads(line)["route"] for line in plimsoll(*TO_2, "--dry-run", "--json").out.splitlines()].count(
        "rollback"
    ) == 2
    assert unchanged(session.cluster)


def test_a_plan_prints_steps_pods_requests_and_minutes(plimsoll: RunPlimsoll, session: Session) -> None:
    ran = plimsoll(*TO_2, "--plan")
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.out.splitlines()[2:5]] == [
        ["weight", "5"],
        ["weight", "25"],
        ["weight", "50"],
    ]
    assert all(json.loads(line)["minutes"] > 0 for line in plimsoll(*TO_2, "--plan", "--json").out.splitlines())
    assert unchanged(session.cluster)


def unchanged(cluster: FakeCluster) -> bool:
    """Whether no rollout has begun."""
    return len(cluster.revisions) == 1 and not [key for key in cluster.stored if key[0] == "configmap"]


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--alpha=0",), 2, "--alpha is 0; give a number above 0 and below 1"),
        (("--alpha=1",), 2, "--alpha is 1; give a number above 0 and below 1"),
        (("--weights=50,25,100",), 2, "expected two or more percents that rise"),
        (("--weights=5,x",), 2, "expected whole percents"),
        (("--interval=soon",), 2, "soon is no interval; expected one from 1s to 1h"),
        (("--mode=router",), 2, "expected gatewayAPI or replicas"),
        (("--guard=x",), 2, "does not begin with a name and ="),
        (("--chart=",), 1, "no chart is given; give the chart of the release as --chart"),
        (("--prometheus=",), 1, "no Prometheus is given"),
        (("--model-version=1",), 1, "the canary would be the same as stable"),
    ],
)
def test_bad_input_is_a_sentence_and_changes_nothing(
    plimsoll: RunPlimsoll, session: Session, options: tuple[str, ...], code: int, sentence: str
) -> None:
    ran = plimsoll(*TO_2, *options)
    assert ran.code == code
    assert sentence in ran.complaint
    assert unchanged(session.cluster)


def test_without_helm_or_a_rollout_the_next_step_is_named(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = plimsoll(*TO_2)
    assert (ran.code, "helm is not on PATH; install Helm 3.14 or later" in ran.complaint) == (1, True)


@pytest.mark.usefixtures("session")
def test_without_a_rollout_there_is_nothing_to_show_or_to_step(plimsoll: RunPlimsoll) -> None:
    assert "never had a rollout" in plimsoll("rollout", "status", NAME).complaint
    assert "no rollout is under way" in plimsoll("rollout", "step", NAME, "--prometheus=http://127.0.0.1:9").complaint


def test_help_names_the_exit_codes(plimsoll: RunPlimsoll) -> None:
    assert "3 rolled back" in " ".join(plimsoll("rollout", "run", "--help").out.split())
