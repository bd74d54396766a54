from __future__ import annotations

import json

import pytest
from plimsoll.rollout.kubernetes import ClusterUnavailable, Conflict, KubectlObjects

from tests.doubles.scripted_programs import ScriptedPrograms, failed

OBJECT = {"kind": "ConfigMap", "metadata": {"name": "x", "resourceVersion": "7"}}


def test_an_object_is_read_written_and_replaced_by_its_version() -> None:
    programs = ScriptedPrograms(kubectl=json.dumps(OBJECT))
    objects = KubectlObjects(programs, "models")
    assert objects.get("configmap", "x") == objects.create(OBJECT) == objects.replace(OBJECT) == OBJECT
    assert json.loads(programs.inputs[-1] or "") == OBJECT
    assert all("--namespace=models" in call for call in programs.calls)


def test_several_objects_are_read_by_one_call() -> None:
    route = {"kind": "HTTPRoute", "metadata": {"name": "x"}}
    programs = ScriptedPrograms(kubectl=json.dumps({"kind": "List", "items": [OBJECT, route]}))
    keys = [("configmap", "x"), ("lease", "x"), ("httproute.gateway.networking.k8s.io", "x")]
    assert KubectlObjects(programs, "models").get_all(keys) == dict(zip(keys, (OBJECT, None, route), strict=True))
    assert len(programs.calls) == 1


def test_objects_are_selected_by_all_their_labels() -> None:
    programs = ScriptedPrograms(kubectl=json.dumps({"kind": "List", "items": [OBJECT]}))
    assert KubectlObjects(programs, "models").select("pods", {"a": "b", "c": "d"}) == (OBJECT,)
    assert "--selector=a=b,c=d" in programs.calls[-1]
    assert KubectlObjects(ScriptedPrograms(kubectl="{}"), "models").select("pods", {"a": "b"}) == ()


def test_an_object_that_is_not_there_is_none() -> None:
    assert KubectlObjects(ScriptedPrograms(), "models").get("lease", "x") is None


@pytest.mark.parametrize(
    "said",
    [
        'Error from server (Conflict): Operation cannot be fulfilled on configmaps "x": the object has been modified',
        'Error from server (AlreadyExists): configmaps "x" already exists',
        'Error from server (NotFound): configmaps "x" not found',
    ],
)
def test_a_write_that_others_were_faster_at_is_a_conflict(said: str) -> None:
    with pytest.raises(Conflict):
        KubectlObjects(ScriptedPrograms(kubectl=failed("kubectl", said)), "models").replace(OBJECT)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("Error from server (Forbidden): no", "you have no right to do this: .* ask for a Role"),
        ("Unable to connect to the server: dial tcp", "kubectl failed: Unable to connect"),
    ],
)
def test_everything_else_is_a_sentence(said: str, sentence: str) -> None:
    with pytest.raises(ClusterUnavailable, match=sentence):
        KubectlObjects(ScriptedPrograms(kubectl=failed("kubectl", said)), "models").get("lease", "x")


def test_rights_are_asked_for() -> None:
    assert KubectlObjects(ScriptedPrograms(kubectl="yes\n"), "models").may("patch", "deployments.apps")
    with pytest.raises(ClusterUnavailable):
        KubectlObjects(ScriptedPrograms(kubectl=failed("kubectl", "Unable to connect")), "models").may("patch", "x")


@pytest.mark.parametrize("printed", ["no\n", "no - no RBAC policy matched\n"])
@pytest.mark.parametrize("said", ["", "Warning: resource 'x' is not namespace scoped\n"])
def test_a_missing_right_is_known_whatever_is_warned_of(printed: str, said: str) -> None:
    programs = ScriptedPrograms(kubectl=failed("kubectl", said, printed))
    assert not KubectlObjects(programs, "models").may("patch", "x")


def test_an_error_that_begins_like_a_refusal_is_none() -> None:
    programs = ScriptedPrograms(kubectl=failed("kubectl", "no such host"))
    with pytest.raises(ClusterUnavailable, match="kubectl failed: no such host"):
        KubectlObjects(programs, "models").may("patch", "x")


def test_output_that_is_no_json_is_refused() -> None:
    with pytest.raises(ClusterUnavailable, match="did not print JSON"):
        KubectlObjects(ScriptedPrograms(kubectl="NAME"), "models").get("lease", "x")
