from __future__ import annotations

from typing import Any

import pytest
from plimsoll.errors import OperatorError
from plimsoll.rollout.beginning import check_numbers, not_promoted
from plimsoll.rollout.release_values import overlay

from tests.doubles.rollout_cluster import VALUES
from tests.doubles.rollout_session import CANARY, Session


def refused(session: Session, **wanted: Any) -> str:
    """The sentence that refuses a plan; nothing is changed."""
    before = len(session.cluster.revisions)
    with pytest.raises(OperatorError) as caught:
        session.planning(**wanted)()
    assert len(session.cluster.revisions) == before
    assert not [key for key in session.cluster.stored if key[0] in ("configmap", "lease")]
    return caught.value.message


@pytest.mark.parametrize(
    ("values", "wanted", "sentence"),
    [
        ({}, {"canary": {}}, "the canary has no model and no image of its own; give --model-version"),
        ({}, {"canary": {"model": {"version": "1"}}}, "the same as stable (model version 1)"),
        ({}, {"canary": {"image": {"repository": "plimsoll"}}}, "the same as stable"),
        ({}, {"chart_version": "plimsoll-0.5.0"}, "is of chart plimsoll-0.4.0, and charts/plimsoll is plimsoll-0.5.0"),
        ({"canary": {"mode": "replicas"}}, {}, "has a canary already (canary.mode is replicas)"),
        ({"httpRoute": {"enabled": False}}, {"mode": "gatewayAPI"}, "needs httpRoute.enabled"),
        ({"autoscaling": {"engine": "cpu"}}, {"mode": "replicas"}, "has an autoscaler (autoscaling.engine is cpu)"),
        ({"replicas": 0}, {}, "Deployment plimsoll-stable has no ready pod"),
        ({"canary": None}, {}, "which has no canary; expected a release of the chart plimsoll"),
    ],
)
def test_a_rollout_that_cannot_go_well_is_refused(
    values: dict[str, Any], wanted: dict[str, Any], sentence: str
) -> None:
    session = Session(VALUES)
    if values.get("canary", {}) is None:
        session.cluster.held_values[1] = overlay(VALUES, values)
    elif values:
        session = Session(overlay(VALUES, values))
    assert sentence in refused(session, **wanted)


@pytest.mark.parametrize(("status", "word"), [("failed", "is failed"), ("pending-upgrade", "is pending-upgrade")])
def test_a_release_whose_last_upgrade_is_not_done_is_refused(status: str, word: str) -> None:
    session = Session()
    session.cluster.add_revision(dict(VALUES), status)
    assert word in refused(session)


def test_missing_rights_are_listed() -> None:
    session = Session()
    session.cluster.rights = {("patch", "deployments.apps"), ("create", "configmaps")}
    assert (
        "you may not list pods, update configmaps, create leases.coordination.k8s.io, "
        "update leases.coordination.k8s.io, patch httproutes.gateway.networking.k8s.io in namespace models"
    ) in refused(session)


def test_the_mode_is_that_of_the_release() -> None:
    assert Session().planning()()[0].mode == "gatewayAPI"
    assert Session(overlay(VALUES, {"httpRoute": {"enabled": False}})).planning()()[0].mode == "replicas"


def test_an_image_is_promoted_with_its_tag_and_digest_and_leaves_nothing_behind() -> None:
    canary = CANARY | {"image": {"tag": "9"}, "resources": {"limits": {"cpu": 2}}}
    session = Session(overlay(VALUES, {"image": {"digest": "sha256:0"}, "canary": {"image": {"tag": "left over"}}}))
    record = session.conductor().run(session.planning(canary=canary), canary)
    assert record.outcome == "promoted"
    present = session.cluster.present()
    assert present["image"] == {"repository": "plimsoll", "tag": "9", "digest": ""}
    assert present["canary"]["image"] == {"repository": "", "tag": "", "digest": ""}
    assert present["canary"]["resources"] == {"limits": {"cpu": 2}}, "helm cannot remove it without damage"


@pytest.mark.parametrize(
    ("values", "given", "named"),
    [
        ({}, {}, ()),
        ({}, {"replicas": 2, "maxReplicas": 9, "image": {"tag": "9"}}, ()),
        ({}, {"resources": {"limits": {"cpu": 2}}}, ("canary.resources",)),
        ({"resources": {"limits": {"cpu": 2}}}, {"resources": {"limits": {"cpu": 2}}}, ()),
        ({"canary": {"resources": {"limits": {"cpu": 1}}}}, {}, ("canary.resources",)),
    ],
    ids=["none", "promoted or driven", "given", "as stable's", "of an earlier rollout"],
)
def test_the_values_that_are_judged_and_not_promoted_are_named(
    values: dict[str, Any], given: dict[str, Any], named: tuple[str, ...]
) -> None:
    session = Session(overlay(VALUES, values))
    plan, _ = session.planning(canary=CANARY | given)()
    assert not_promoted(plan, session.cluster.present()) == named


@pytest.mark.parametrize("weights", [(), (100,), (5, 25), (5, 5, 100), (25, 5, 100), (0, 100), (5, 101)])
def test_weights_that_do_not_rise_to_100_are_refused(weights: tuple[int, ...]) -> None:
    with pytest.raises(OperatorError, match="expected two or more percents that rise"):
        check_numbers(weights, 15, 3600)


def test_an_interval_has_to_fit_a_step_several_times() -> None:
    check_numbers((5, 100), 15, 60)
    for interval in (0.5, 16):
        with pytest.raises(OperatorError, match="--interval is"):
            check_numbers((5, 100), interval, 60)


@pytest.mark.parametrize("seconds", [float("inf"), float("-inf"), float("nan")])
def test_a_time_without_an_end_is_refused(seconds: float) -> None:
    with pytest.raises(OperatorError, match=r"--max-step-minutes is .*; expected a finite number"):
        check_numbers((5, 100), 15, seconds)
