"""The chart and the image of before with those of now: both upgraded at once under load, and one with the other's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.client_pod import ROW, ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import CHART, Release, image_values, is_ready
from tests.e2e.steady import PODS, RATE, counts, report_over
from tests.e2e.test_chart_upgrade import KEEPING, PREVIOUS
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full


def test_an_upgrade_of_chart_and_image_at_once_fails_no_request(
    cluster: Cluster, image: str, previous_image: str, client: ClientPod, transcript: Transcript
) -> None:
    release = Release(cluster, previous_image, "both", typed=(f"replicas={PODS}",))
    release.install(PREVIOUS)
    assert client.first_answer("http://both:8000/v1/predict", ROW)["status"] == 200

    def settled() -> bool:
        pods = release.all_pods()
        return len(pods) == PODS and all(map(is_ready, pods))

    def upgrade() -> None:
        release.upgrade(*image_values(image), options=(KEEPING,))
        eventually("the new pods alone", settled, timeout_seconds=240)

    load = LoadPod(cluster, image, "both", "load-both", "", f"--rate={RATE}")
    report = report_over(load, upgrade)
    images = {each["image"] for pod in release.pods() for each in pod["spec"]["containers"]}
    release.uninstall()
    transcript.note(f"{PREVIOUS.stem} and the image of before to those of now, under load", counts(report))
    assert images == {image}
    assert report["failed"] == 0, str(report)


def test_the_new_chart_serves_with_the_image_of_before(
    cluster: Cluster, previous_image: str, client: ClientPod, transcript: Transcript
) -> None:
    asked = ("test.picture=/examples/digits/7.png", "test.expect=7")  # that image shows no golden request
    _serve_and_pass_helm_test(Release(cluster, previous_image, "newchart", *asked), "newchart", CHART, client)
    transcript.note("the new chart with the image of before", "answers, and helm test passes")


def test_the_chart_of_before_serves_with_the_new_image(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript
) -> None:
    _serve_and_pass_helm_test(Release(cluster, image, "newimage"), "newimage", PREVIOUS, client)
    transcript.note(f"{PREVIOUS.stem} with the new image", "answers, and helm test passes")


def _serve_and_pass_helm_test(release: Release, name: str, chart: Path, client: ClientPod) -> None:
    release.install(chart)
    answer = client.first_answer(f"http://{name}:8000/v1/predict", ROW)
    assert answer["status"] == 200, str(answer)
    assert json.loads(answer["body"])["predictions"][0]["class"] == 7
    release.test()
    release.uninstall()
