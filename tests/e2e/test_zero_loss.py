"""Planned operations on two pods under load, whose clients try nothing twice, fail no request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.cluster import run
from tests.e2e.release import image_values
from tests.e2e.steady import NAME, PODS, Steady, counts
from tests.e2e.transcript import Transcript

Operation = Callable[[Steady], None]


def delete_a_pod(steady: Steady) -> None:
    steady.cluster.kubectl("delete", "pod", steady.release.pods()[0]["metadata"]["name"])


def change_a_value(steady: Steady) -> None:
    steady.release.upgrade("serving.logLevel=warning")


def roll_back(steady: Steady) -> None:
    steady.release.roll_back()


def scale_down(steady: Steady) -> None:
    steady.release.upgrade(typed=(f"replicas={PODS + 1}",))
    steady.release.upgrade(typed=(f"replicas={PODS}",))


def drain_a_node(steady: Steady) -> None:
    node = steady.release.pods()[0]["spec"]["nodeName"]
    selector = f"--pod-selector=app.kubernetes.io/instance={NAME}"
    try:
        run("kubectl", "drain", node, selector, "--delete-emptydir-data")
    finally:
        run("kubectl", "uncordon", node)


@pytest.mark.parametrize(
    "operate",
    [
        pytest.param(delete_a_pod, marks=pytest.mark.e2e),
        pytest.param(change_a_value, marks=pytest.mark.e2e_full),
        pytest.param(roll_back, marks=pytest.mark.e2e_full),
        pytest.param(scale_down, marks=pytest.mark.e2e_full),
        pytest.param(drain_a_node, marks=pytest.mark.e2e_full),
    ],
    ids=lambda operate: operate.__name__,
)
def test_a_planned_operation_fails_no_request(steady: Steady, transcript: Transcript, operate: Operation) -> None:
    what = operate.__name__.replace("_", " ")
    report = steady.report_over(what, lambda: operate(steady))
    transcript.note(f"requests over: {what}", counts(report))
    assert report["failed"] == 0, str(report)


@pytest.mark.e2e_full
def test_another_image_fails_no_request(steady: Steady, own_image: str, transcript: Transcript) -> None:
    report = steady.report_over("change the image", lambda: steady.release.upgrade(*image_values(own_image)))
    transcript.note("requests over: change the image", counts(report))
    assert report["failed"] == 0, str(report)
