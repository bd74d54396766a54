"""An image that cannot be pulled: the pod's events say which pull secret is not there."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import Release
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full


def test_a_pull_secret_that_is_not_there_is_named(cluster: Cluster, transcript: Transcript) -> None:
    release = Release(cluster, "127.0.0.1:1/plimsoll:cpu", "pulled", "imagePullSecrets[0].name=registry")
    release.install(wait=False)
    pod = eventually("the pod", release.pods)[0]["metadata"]["name"]
    missing = eventually("the event", lambda: cluster.event(pod, "FailedToRetrieveImagePullSecret"))
    assert "(registry)" in missing
    transcript.note("a pull secret that is not there", missing)
    release.uninstall()
