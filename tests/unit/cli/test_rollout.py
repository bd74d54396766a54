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


class ProgramSession(Session):
    """A release in memory, and the programs that act on it."""

    def __init__(self) -> None:
        super().__init__()
        self.programs = ClusterPrograms(self.cluster)
        self.guards: list[Any] = []


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> ProgramSession:
    """A release in memory, behind the programs and the Prometheus that the commands use."""
    made = ProgramSession()

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

    monkeypatch.setattr(rollout_session, "LocalPrograms", lambda: made.programs)
    monkeypatch.setattr(rollout_session, "SteadyClock", Clock)
    monkeypatch.setattr(rollout_session, "judge", judge)
    monkeypatch.setattr(rollout_session, "check_scrapes", lambda *_: None)
    monkeypatch.setattr(
        rollout_session, "check_guards", lambda _prometheus, _series, guards: made.guards.extend(guards)
    )
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


def test_a_start_that_ends_in_a_rollback_is_exit_code_3(plimsoll: RunPlimsoll, session: Session) -> None:
    session.cluster.canary.dead_since = 0.0
    ran = plimsoll("rollout", "start", *TO_2[2:])
    assert (ran.code, "rolled back: " in ran.out) == (3, True)
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


def test_guards_are_checked_before_a_canary_is_added(plimsoll: RunPlimsoll, session: ProgramSession) -> None:
    plimsoll(*TO_2, "--plan", "--guard=orders=a{x=$track}/b{x=$track}")
    assert [each.name for each in session.guards] == ["orders"]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("option", ["--dry-run", "--plan"])
def test_a_rollout_under_way_leaves_none_to_plan(plimsoll: RunPlimsoll, option: str) -> None:
    plimsoll("rollout", "start", *TO_2[2:])
    ran = plimsoll(*TO_2, option)
    assert (ran.code, "is under way, at stage `weight 5`, so there is none to plan" in ran.complaint) == (1, True)


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


@pytest.mark.parametrize("command", ["run", "step", "promote", "abort"])
@pytest.mark.parametrize(
    ("charts", "sentence"),
    [
        ({"charts/plimsoll": "0.5.0"}, "is of chart plimsoll-0.4.0, and"),
        ({}, "not found; give the chart of the release as --chart"),
    ],
)
def test_a_rollout_goes_on_only_with_its_own_chart(
    plimsoll: RunPlimsoll, session: ProgramSession, command: str, charts: dict[str, str], sentence: str
) -> None:
    plimsoll("rollout", "start", *TO_2[2:])
    before = len(session.cluster.revisions)
    session.programs.charts = charts
    ran = plimsoll("rollout", command, NAME)
    assert (ran.code, sentence in ran.complaint, "--chart" in ran.complaint) == (1, True, True)
    assert len(session.cluster.revisions) == before
    assert json.loads(plimsoll("rollout", "status", NAME, "--json").out)["wish"] == ""
    session.programs.charts = {"other": "0.4.0"}
    assert plimsoll("rollout", "abort", NAME, "--chart=/other").code == 0


def test_a_rollout_goes_on_with_the_options_that_it_began_with(plimsoll: RunPlimsoll, session: Session) -> None:
    began = ("--weights=5,50,100", "--alpha=0.01", "--guard=orders=a{x=$track}/b{x=$track}", "--cluster=one")
    plimsoll("rollout", "start", *TO_2[2:], *began)
    other = ("--weights=5,100", "--alpha=0.05", "--max-step-minutes=30", "--values-patch", "--mode=gatewayAPI")
    ran = plimsoll(*TO_2, *other)
    assert (ran.code, session.cluster.weight) == (1, 5)
    assert "other values of --weights, --alpha, --max-step-minutes, --values-patch, which stay" in ran.complaint
    for different in ("--interval=20s", "--margin=0.2", "--effect=0.4", "--failures=0.1", "--cluster=two"):
        assert f"other values of {different.partition('=')[0]}, which" in plimsoll(*TO_2, different).complaint
    for different in ("--guard=orders=a{x=$track}/c{x=$track}", "--mode=replicas"):
        assert f"other values of {different[: different.index('=')]}, which" in plimsoll(*TO_2, different).complaint
    assert plimsoll(*TO_2, *began).code == 0
    assert [weight for weight, _ in session.cluster.log if weight in (25, 50)] == [50]


@pytest.mark.usefixtures("session")
def test_a_plan_names_the_values_that_are_not_promoted(plimsoll: RunPlimsoll) -> None:
    given = "--set=canary.resources.requests.cpu=1"
    assert "canary.resources is the canary's alone" in plimsoll(*TO_2, "--plan", given).out
    assert "canary.resources" not in plimsoll(*TO_2, "--plan").out


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
        (("--max-step-minutes=inf",), 2, "--max-step-minutes is inf; expected a finite number"),
        (("--alpha=nan",), 2, "--alpha is nan; give a number"),
        (("--effect=inf",), 2, "--effect is inf; give a number"),
        (("--mode=router",), 2, "expected gatewayAPI or replicas"),
        (("--guard=x",), 2, "does not begin with a name and ="),
        (("--chart=",), 1, "no chart is given; give the chart of the release as --chart"),
        (("--prometheus=",), 1, "no Prometheus is given"),
        (("--prometheus=http://me:secret@127.0.0.1:9",), 1, "holds a user or a password"),
        (("--prometheus=https://token@prometheus.test/x",), 1, "by --token-file"),
        (("--model-version=1",), 1, "the canary would be the same as stable"),
    ],
)
def test_bad_input_is_a_sentence_and_changes_nothing(
    plimsoll: RunPlimsoll, session: Session, options: tuple[str, ...], code: int, sentence: str
) -> None:
    ran = plimsoll(*TO_2, *options)
    assert ran.code == code
    assert sentence in ran.complaint
    assert "secret" not in ran.complaint
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
