"""One namespace, one release, one transcript for the whole story; a failure ends its file and shows the cluster."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.doubles.own_model import make_own_bundle
from tests.e2e.autoscaler import give_the_adapter, has_the_adapter, take_from_the_adapter
from tests.e2e.built_image import built
from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster, CommandError, run
from tests.e2e.gateway import NAME as GATEWAY
from tests.e2e.gateway import Way, create_gateway, gateway_class
from tests.e2e.image_archive import unpacked_bytes
from tests.e2e.observers import InClusterPrometheus, has_the_operator, state_metrics_address
from tests.e2e.release import Release
from tests.e2e.rollouts import Ground
from tests.e2e.rollouts_driver import prometheus_url
from tests.e2e.rollouts_models import write_versions
from tests.e2e.steady import Steady
from tests.e2e.transcript import Transcript

_SECONDS_OF_A_TEST = 1200
"""The most that one test may take, with what it waits for; the first one loads images onto the nodes as well."""
_REPOSITORY = Path(__file__).parents[2]
_PREVIOUS_COMMIT = "82e87e0"
"""The last one whose image is 0.1.0."""
_TRANSCRIPT = pytest.StashKey[Transcript]()
_FAILED = pytest.StashKey[set[str]]()
_MOST_FAILED = 3
"""With more files that failed it is the cluster, or the chart as a whole; each further one would only wait."""
_CLUSTER = Cluster("plimsoll-e2e")
_OURS_CHANGED = """\
ARG PLIMSOLL_IMAGE
FROM ${PLIMSOLL_IMAGE}
COPY ourmodels /ours/ourmodels
"""
_DRIVER = """\
ARG PLIMSOLL_IMAGE
FROM python:3.11-slim-bookworm AS grpc
RUN python3 -m pip install --no-cache-dir --target /grpc "grpcio>=1.80,<2"
FROM ${PLIMSOLL_IMAGE}
COPY --from=grpc /grpc /grpc
COPY dra_driver.py /dra_driver.py
ENV PYTHONPATH=/grpc
"""
_WITHOUT_GPU = """\
ARG PLIMSOLL_IMAGE
FROM ${PLIMSOLL_IMAGE}
ENTRYPOINT ["env", "PLIMSOLL_DEVICE=cpu", "plimsoll"]
CMD ["serve"]
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder a time limit of their own: pods start, images are built and autoscalers wait."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_SECONDS_OF_A_TEST))


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
    return built("letters:e2e", image, make_own_bundle(tmp_path_factory.mktemp("own")))


@pytest.fixture(scope="session")
def previous_image(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the image of the version before, built from the history of this repository."""
    folder = tmp_path_factory.mktemp("previous")
    archive = f"{folder}.source.tar"
    try:
        run("git", "-C", str(_REPOSITORY), "archive", "--output", archive, _PREVIOUS_COMMIT)
    except CommandError:
        pytest.skip(f"the history has no commit {_PREVIOUS_COMMIT}, the image of before: git fetch --unshallow")
    run("tar", "--extract", "--file", archive, "--directory", str(folder))
    return built("previous:e2e", image, folder, "--file", str(folder / "Dockerfile.cpu"))


@pytest.fixture(scope="session")
def slim_image(image: str, transcript: Transcript, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the image without torch, which serves the digits as ONNX graphs."""
    archive = tmp_path_factory.mktemp("slim") / "image.tar"
    options = ("--build-arg", "RUNTIME=onnx", "--file", str(_REPOSITORY / "Dockerfile.cpu"))
    name = built("slim:e2e", image, _REPOSITORY, *options, archive=archive)
    transcript.note("slim image, unpacked", f"{unpacked_bytes(archive) / 1e6:.0f} MB")
    return name


@pytest.fixture(scope="session")
def grpc_image(image: str, transcript: Transcript, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of the image with the packages of gRPC."""
    archive = tmp_path_factory.mktemp("grpc") / "image.tar"
    options = ("--build-arg", "EXTRAS=grpc", "--file", str(_REPOSITORY / "Dockerfile.cpu"))
    name = built("grpc:e2e", image, _REPOSITORY, *options, archive=archive)
    transcript.note("image with gRPC, unpacked", f"{unpacked_bytes(archive) / 1e6:.0f} MB")
    return name


@pytest.fixture(scope="session")
def without_gpu(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image that stands in for the GPU one where no GPU is: told to compute on one, it takes the CPU."""
    folder = tmp_path_factory.mktemp("without-gpu")
    (folder / "Dockerfile").write_text(_WITHOUT_GPU)
    return built("without-gpu:e2e", image, folder)


@pytest.fixture(scope="session")
def slow_image(own_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image whose model is `own_image`'s and takes a tenth of a second longer."""
    return _changed("slow:e2e", own_image, tmp_path_factory.mktemp("slow"), "sleep(0.1)")


@pytest.fixture(scope="session")
def hanging_image(own_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image whose model is `own_image`'s, and never answers a row that begins with 0.5 and 0.25."""
    hang = "while bool(((rows[:, 0] == 0.5) & (rows[:, 1] == 0.25)).any()):\n            sleep(1)"
    return _changed("hanging:e2e", own_image, tmp_path_factory.mktemp("hanging"), hang)


def _changed(name: str, image: str, folder: Path, statement: str) -> str:
    """Name of an image whose model does something else before it computes."""
    theirs = _REPOSITORY / "examples" / "bring-your-model" / "ourmodels" / "__init__.py"
    answer = "        return softmax"
    changed = theirs.read_text(encoding="utf-8").replace(answer, f"        {statement}\n{answer}")
    (folder / "ourmodels").mkdir()
    (folder / "ourmodels" / "__init__.py").write_text(f"from time import sleep\n{changed}", encoding="utf-8")
    (folder / "Dockerfile").write_text(_OURS_CHANGED)
    return built(name, image, folder)


@pytest.fixture(scope="session")
def driver_image(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image with a driver for claims of devices that are not there."""
    folder = tmp_path_factory.mktemp("driver")
    shutil.copy(Path(__file__).parent / "dra_driver.py", folder)
    (folder / "Dockerfile").write_text(_DRIVER)
    return built("dra-driver:e2e", image, folder)


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


@pytest.fixture(scope="session")
def tools() -> Iterator[Cluster]:
    """A namespace of the operator's tools; a release's network policy must let them in, and traces out to them."""
    there = Cluster("plimsoll-e2e-tools")
    there.create()
    yield there
    there.remove()


@pytest.fixture(scope="session")
def prometheus(tools: Cluster) -> Iterator[InClusterPrometheus]:
    state_metrics = state_metrics_address()
    if state_metrics is None or not has_the_operator():
        pytest.skip("needs the Prometheus operator and kube-state-metrics on the cluster; tests/e2e/README.md says how")
    made = InClusterPrometheus(tools)
    made.start(state_metrics)
    yield made
    made.remove()


@pytest.fixture(scope="session")
def adapted(prometheus: InClusterPrometheus) -> Iterator[InClusterPrometheus]:
    """The Prometheus whose records the adapter passes on."""
    if not has_the_adapter():
        pytest.skip("needs prometheus-adapter in the namespace monitoring; tests/e2e/README.md says how")
    give_the_adapter(prometheus.host)
    yield prometheus
    take_from_the_adapter()


@pytest.fixture(scope="module")
def way(cluster: Cluster) -> Iterator[Way]:
    class_name = gateway_class()
    if class_name is None:
        pytest.skip("needs Envoy Gateway and a GatewayClass of it; tests/e2e/README.md says how")
    yield create_gateway(cluster, class_name)
    cluster.kubectl("delete", "gateway", GATEWAY)


@pytest.fixture(scope="session")
def canaries_image(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image with the versions that rollouts are made of, each of which misbehaves in its own way."""
    folder = tmp_path_factory.mktemp("canaries")
    write_versions(folder)
    return built("canaries:e2e", image, folder)


@pytest.fixture(scope="module")
def ground(  # the client brings the scripts
    cluster: Cluster,
    canaries_image: str,
    way: Way,
    prometheus: InClusterPrometheus,
    client: ClientPod,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ground]:
    """The place where rollouts run."""
    with prometheus_url(prometheus) as url:
        yield Ground(cluster, canaries_image, way, prometheus, url, tmp_path_factory.mktemp("rollouts"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.config.stash.setdefault(_TRANSCRIPT, Transcript()).took(item.path.name, report.duration)
    if report.failed:
        report.sections.append(("the cluster", _CLUSTER.describe()))
        failed = item.config.stash.setdefault(_FAILED, set())
        failed.add(item.path.name)
        if len(failed) > _MOST_FAILED:
            item.session.shouldfail = f"{len(failed)} files failed: {', '.join(sorted(failed))}"
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what stands in a file after a failure, since it builds on the steps before."""
    if item.path.name in item.config.stash.get(_FAILED, set()):
        pytest.skip("a step before it failed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    transcript = config.stash.get(_TRANSCRIPT, Transcript())
    terminalreporter.write_sep("=", "what this run found")
    terminalreporter.write_line(transcript.markdown())
    transcript.publish()
