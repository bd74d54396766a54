from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plimsoll.telemetry.exposition import Exposition, new_registry
from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry

# A process that counts one request into the shared folder and ends; its variable has to be there before it imports.
COUNTING_PROCESS = """
from plimsoll.telemetry.exposition import new_registry
from plimsoll.telemetry.metric_catalog import MetricCatalog
MetricCatalog(new_registry(), 0.1).requests.ended.labels("tiny", "1", "v1", "200").inc()
"""
# One that has a version, retires it, and shows what a scrape says of it before and after.
RETIRING_PROCESS = """
import warnings
from plimsoll.telemetry.exposition import Exposition, new_registry
from plimsoll.telemetry.metric_catalog import MetricCatalog
from plimsoll.telemetry.version_metrics import VersionMetrics
warnings.simplefilter("error", UserWarning)
catalog = MetricCatalog(new_registry(), 0.1)
metrics, render = VersionMetrics(catalog), Exposition(catalog.registry, many_processes=True)
version = ("tiny", "1", {"digest": "abc", "format": "pt2", "device": "cpu"})
def begin():
    metrics.states_changed({("tiny", "1"): "ready"})
    metrics.version_ready(*version, 0.5, 0.5)
def end():
    metrics.version_gone(*version)
    metrics.states_changed({})
for act in (begin, end):
    act()
    lines = render()[0].decode().splitlines()
    print(*[line.split()[-1] for line in lines if line.startswith("plimsoll_model_info{") or 'state="ready"' in line])
"""
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def text_of(registry: CollectorRegistry, accept: str = "", *, many_processes: bool = False) -> str:
    """What a scrape of it says."""
    return Exposition(registry, many_processes=many_processes)(accept)[0].decode()


def test_a_registry_has_the_metrics_of_the_process() -> None:
    text = text_of(new_registry())
    for name in ("process_resident_memory_bytes", "python_info", "python_gc_objects_collected_total"):
        assert f"\n{name}" in text


def test_what_is_counted_is_in_the_next_scrape_and_has_no_creation_time() -> None:
    registry = new_registry()
    catalog = MetricCatalog(registry, 0.1)
    catalog.requests.ended.labels("tiny", "1", "v1", "200").inc()
    assert 'plimsoll_requests_total{code="200",model="tiny",protocol="v1",version="1"} 1.0' in text_of(registry)
    catalog.requests.ended.labels("tiny", "1", "v1", "200").inc()
    assert 'plimsoll_requests_total{code="200",model="tiny",protocol="v1",version="1"} 2.0' in text_of(registry)
    assert "_created" not in text_of(registry)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        (OPEN_METRICS, "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text; version=new; escaping=x", "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_a_scraper_gets_the_format_that_it_asks_for(accept: str, content_type: str) -> None:
    text, said = Exposition(new_registry(), many_processes=False)(accept)
    assert said.startswith(content_type)
    assert text.endswith(b"# EOF\n") == said.startswith("application/")


@pytest.mark.parametrize("many_processes", [True, False])
def test_the_memory_of_gpus_is_asked_for_at_each_scrape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, many_processes: bool
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    def devices() -> list[tuple[str, int, int]]:
        return [("cuda:0", 3, 10)]

    render = Exposition(new_registry(devices), devices, many_processes=many_processes)
    assert 'plimsoll_gpu_memory_bytes{device="cuda:0",state="used"} 3.0' in render()[0].decode()


def test_what_many_processes_counted_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    registry = new_registry()
    for count in (1, 2):
        subprocess.run([sys.executable, "-c", COUNTING_PROCESS], check=True, timeout=60)
        text = text_of(registry, many_processes=True)
        assert f'plimsoll_requests_total{{code="200",model="tiny",protocol="v1",version="1"}} {count}.0' in text
        assert "process_resident_memory_bytes" not in text


def test_a_version_that_is_gone_counts_as_0_where_processes_count_together(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", RETIRING_PROCESS],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["1.0", "1.0", "0.0", "0.0"]
