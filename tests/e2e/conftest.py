"""One namespace, one release, one transcript for the whole story; the first failure ends it and shows the cluster."""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.doubles.own_model import make_own_bundle
from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster, run
from tests.e2e.image_archive import unpacked_bytes
from tests.e2e.release import Release
from tests.e2e.steady import Steady
from tests.e2e.transcript import Transcript

_TRANSCRIPT = pytest.StashKey[Transcript]()
_CLUSTER = Cluster("plimsoll-e2e")
_WITHOUT_GPU = """\
ARG PLIMSOLL_IMAGE
FROM ${PLIMSOLL_IMAGE}
ENTRYPOINT ["env", "PLIMSOLL_DEVICE=cpu", "plimsoll"]
CMD ["serve"]
"""


@pytest.fixture(scope="session")
def transcript(pytestconfig: pytest.Config) -> Transcript:
    return pytestconfig.stash.setdefault(_TRANSCRIPT, Transcript())


@pytest.fixture(scope="session")
def image(transcript: Transcript) -> str:
    """Name of the image, which is on the nodes from here on."""
    for needed in ("KUBECONFIG", "PLIMSOLL_E2E_IMAGE"):
        if not os.environ.get(needed):
            pytest.fail(f"set {needed}; tests/e2e/README.md says what the suite needs")
    archive = os.environ.get("PLIMSOLL_E2E_ARCHIVE")
    if archive:
        transcript.note("image, unpacked", f"{unpacked_bytes(Path(archive)) / 1e6:.0f} MB")
        run(*shlex.split(os.environ["PLIMSOLL_E2E_LOAD"]), archive)
    return os.environ["PLIMSOLL_E2E_IMAGE"]


@pytest.fixture(scope="session")
def own_image(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the image of docs/bring-your-model.md, built on top of ours and on the nodes from here on."""
    return _built("letters:e2e", image, make_own_bundle(tmp_path_factory.mktemp("own")))


@pytest.fixture(scope="session")
def without_gpu(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image that stands in for the GPU one where no GPU is: told to compute on one, it takes the CPU."""
    folder = tmp_path_factory.mktemp("without-gpu")
    (folder / "Dockerfile").write_text(_WITHOUT_GPU)
    return _built("without-gpu:e2e", image, folder)


def _built(name: str, image: str, folder: Path) -> str:
    build, save = os.environ.get("PLIMSOLL_E2E_BUILD"), os.environ.get("PLIMSOLL_E2E_SAVE")
    if not build or not save:
        pytest.skip("set PLIMSOLL_E2E_BUILD and PLIMSOLL_E2E_SAVE, as tests/e2e/README.md says, to build an image")
    archive = str(folder / "image.tar")
    run(*shlex.split(build), name, "--build-arg", f"PLIMSOLL_IMAGE={image}", str(folder))
    run(*(part.format(image=name, archive=archive) for part in shlex.split(save)))
    run(*shlex.split(os.environ["PLIMSOLL_E2E_LOAD"]), archive)
    return name


@pytest.fixture(scope="session")
def cluster(image: str) -> Iterator[Cluster]:  # noqa: ARG001  # nothing is created before the image is there
    _CLUSTER.create()
    yield _CLUSTER
    _CLUSTER.remove()


@pytest.fixture(scope="session")
def release(cluster: Cluster, image: str) -> Release:
    return Release(cluster, image)


@pytest.fixture(scope="session")
def client(cluster: Cluster, image: str) -> ClientPod:
    pod = ClientPod(cluster, image)
    pod.start()
    return pod


@pytest.fixture(scope="module")
def steady(cluster: Cluster, image: str, client: ClientPod) -> Iterator[Steady]:  # noqa: ARG001  # brings scripts
    pods = Steady(cluster, image)
    pods.release.install()
    yield pods
    pods.release.uninstall()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("the cluster", _CLUSTER.describe()))
        item.session.shouldfail = "a step of the story failed; the next ones build on it"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    transcript = config.stash.get(_TRANSCRIPT, Transcript())
    terminalreporter.write_sep("=", "what this run found")
    terminalreporter.write_line(transcript.markdown())
    transcript.publish()
