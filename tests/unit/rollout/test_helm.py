from __future__ import annotations

import json
from pathlib import Path

import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.helm import HelmRelease, ReleaseUnavailable, UpgradeFailed, chart_version, check_helm, split_chart

from tests.doubles.scripted_programs import ScriptedPrograms, failed

HISTORY = json.dumps(
    [
        {"revision": 1, "updated": "2026-11-29T04:34:08.123456789Z", "status": "superseded", "chart": "plimsoll-0.4.0"},
        {"revision": 2, "updated": "2026-11-29T04:35:30Z", "status": "pending-upgrade", "chart": "plimsoll-0.4.0"},
    ]
)


def release(programs: ScriptedPrograms) -> HelmRelease:
    return HelmRelease(programs, "web", "models", "charts/plimsoll")


def test_revisions_are_read_with_status_and_time() -> None:
    programs = ScriptedPrograms(**{"helm history": HISTORY})
    first, last = release(programs).history()
    assert programs.calls == ["helm history web --max=20 --output=json --namespace=models"]
    assert (first.number, first.pending, last.pending, last.chart) == (1, False, True, "plimsoll-0.4.0")
    assert round(last.updated_seconds - first.updated_seconds) == 82


def test_an_upgrade_keeps_all_other_values() -> None:
    programs = ScriptedPrograms()
    release(programs).upgrade({"canary": {"weight": 5}})
    assert programs.calls == [
        (
            "helm upgrade web charts/plimsoll --reset-then-reuse-values --set canary.weight=5 --timeout=120s "
            "--namespace=models"
        )
    ]


def test_a_trial_changes_nothing_and_the_command_is_the_one_of_a_person() -> None:
    programs = ScriptedPrograms()
    release(programs).try_upgrade({"canary": {"weight": 5}})
    assert "--dry-run=server" in programs.calls[0]
    assert release(programs).command({"canary": {"weight": 5}}) == (
        "helm upgrade web charts/plimsoll --reset-then-reuse-values --set canary.weight=5 --namespace=models"
    )


def test_an_interrupted_revision_is_removed_by_its_secret() -> None:
    programs = ScriptedPrograms()
    release(programs).forget(7)
    assert programs.calls == ["kubectl delete secret sh.helm.release.v1.web.v7 --namespace models --ignore-not-found"]
    programs.answers["kubectl delete"] = failed("kubectl", "Error from server (Forbidden): no")
    with pytest.raises(ReleaseUnavailable, match="remove it with `helm rollback web`"):
        release(programs).forget(7)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("Error: release: not found", "namespace models has no release web; `helm list --namespace models`"),
        (
            'Error: secrets is forbidden: User "u" cannot list',
            "you have no right to do this: .* needs in namespace models",
        ),
        ("Error: UPGRADE FAILED: canary.mode is none", "helm failed: Error: UPGRADE FAILED: canary.mode is none"),
    ],
)
def test_each_refusal_of_helm_is_a_sentence(said: str, sentence: str) -> None:
    programs = ScriptedPrograms(helm=failed("helm", said))
    with pytest.raises(ReleaseUnavailable, match=sentence):
        release(programs).history()
    with pytest.raises(UpgradeFailed, match=sentence):
        release(programs).upgrade({})


def test_output_that_is_no_json_is_refused() -> None:
    with pytest.raises(ReleaseUnavailable, match="did not print JSON"):
        release(ScriptedPrograms(helm="REVISION UPDATED")).history()


@pytest.mark.parametrize("version", ["v3.14.0", "v3.19.2", "v4.0.1", "v4.3"])
def test_helm_3_14_and_later_will_do(version: str) -> None:
    check_helm(ScriptedPrograms(helm=version))


@pytest.mark.parametrize("version", ["v3.13.9", "v2.17.0", "unknown"])
def test_an_older_helm_is_refused(version: str) -> None:
    with pytest.raises(OperatorError, match=r"needs 3\.14"):
        check_helm(ScriptedPrograms(helm=version))


def test_a_chart_has_a_name_and_a_version() -> None:
    assert chart_version(ScriptedPrograms(helm="name: plimsoll\nversion: 0.4.0\n"), "x") == "plimsoll-0.4.0"
    for answer in ("name: x", "- x", failed("helm", "Error: no such file")):
        with pytest.raises(OperatorError, match="--chart"):
            chart_version(ScriptedPrograms(helm=answer), "x")


def test_a_chart_of_a_registry_is_always_asked_for_in_the_version_of_the_release() -> None:
    programs = ScriptedPrograms(**{"helm show": "name: plimsoll\nversion: 0.4.0\n"})
    chart = "oci://registry.test/plimsoll"
    chart_version(programs, chart, "0.4.0")
    HelmRelease(programs, "web", "models", chart, "0.4.0").upgrade({})
    assert all(f"{chart} --version=0.4.0" in call for call in programs.calls)
    chart_version(programs, str(Path(__file__).parent), "0.4.0")
    assert "--version" not in programs.calls[-1]


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("plimsoll-0.4.0", ("plimsoll", "0.4.0")),
        ("my-chart-1.2.3-rc.1+5", ("my-chart", "1.2.3-rc.1+5")),
        ("plimsoll", None),
        ("", None),
    ],
)
def test_a_written_chart_has_a_name_and_a_version(written: str, parts: tuple[str, str] | None) -> None:
    assert split_chart(written) == parts


def test_a_rollback_takes_a_field_back_that_somebody_has_written_by_hand() -> None:
    said = 'Error: UPGRADE FAILED: conflict occurred while applying: conflict with "kubectl-replace": .spec.rules'
    programs = ScriptedPrograms(helm=failed("helm", said))
    with pytest.raises(UpgradeFailed, match="--force-conflicts takes the field back") as caught:
        release(programs).upgrade({})
    assert caught.value.by_conflict
    programs.answers["helm"] = ""
    release(programs).upgrade({}, insist=True)
    assert "--force-conflicts" not in programs.calls[0]
    assert "--force-conflicts" in programs.calls[1]
