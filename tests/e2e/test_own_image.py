"""docs/bring-your-model.md, its last step: an image of one's own on top of ours, installed by the same chart."""

from __future__ import annotations

import json

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster
from tests.e2e.release import OWN_MODEL, Release
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e


def test_an_image_on_top_of_ours_serves_its_own_model(
    cluster: Cluster, own_image: str, client: ClientPod, transcript: Transcript
) -> None:
    release = Release(cluster, own_image, "letters", *OWN_MODEL)
    release.install()
    answer = client.first_answer("http://letters:8000/v1/predict", ROW)
    assert (answer["status"], answer["headers"]["x-plimsoll-version"]) == (200, "1")
    document = json.loads(answer["body"])
    assert (document["model"], document["predictions"][0]["class"]) == ("letters", 7)
    transcript.note("an image on top of ours", f"{own_image} answers")
    release.uninstall()
