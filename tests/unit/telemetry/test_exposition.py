from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.telemetry.exposition import CONTENT_TYPE, exposition, new_registry
from service.telemetry.metric_catalog import MetricCatalog

# A process that counts one request into the shared folder and ends; its variable has to be there before it imports.
COUNTING_PROCESS = """
from service.telemetry.exposition import new_registry
from service.telemetry.metric_catalog import MetricCatalog
MetricCatalog(new_registry(), 0.1).requests.ended.labels("tiny", "1", "v1", "200").inc()
"""
# One that has a version, retires it, and shows what a scrape says of it before and after.
RETIRING_PROCESS = """
import warnings
from service.telemetry.exposition import exposition, new_registry
from service.telemetry.inference_observer import InferenceObserver
from service.telemetry.metric_catalog import MetricCatalog
warnings.simplefilter("error", UserWarning)
catalog = MetricCatalog(new_registry(), 0.1)
observer, render = InferenceObserver(catalog), exposition(catalog.registry, many_processes=True)
version = ("tiny", "1", {"digest": "abc", "format": "pt2", "device": "cpu"})
for act in (lambda: observer.version_ready(*version, 0.5), lambda: observer.version_gone(*version)):
    act()
    print(*[line.split()[-1] for line in render().decode().splitlines() if line.startswith("plimsoll_model_info{")])
"""


def test_a_registry_has_the_metrics_of_the_process() -> None:
    text = exposition(new_registry(), many_processes=False)().decode()
    for name in ("process_resident_memory_bytes", "python_info", "python_gc_objects_collected_total"):
        assert f"\n{name}" in text


def test_what_is_counted_is_in_the_next_scrape_and_has_no_creation_time() -> None:
    registry = new_registry()
    render = exposition(registry, many_processes=False)
    catalog = MetricCatalog(registry, 0.1)
    catalog.requests.ended.labels("tiny", "1", "v1", "200").inc()
    assert 'plimsoll_requests_total{code="200",model="tiny",protocol="v1",version="1"} 1.0' in render().decode()
    catalog.requests.ended.labels("tiny", "1", "v1", "200").inc()
    assert 'plimsoll_requests_total{code="200",model="tiny",protocol="v1",version="1"} 2.0' in render().decode()
    assert "_created" not in render().decode()


def test_the_content_type_is_that_of_the_text_format() -> None:
    assert CONTENT_TYPE.startswith("text/plain; version=")


def test_what_many_processes_counted_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    render = exposition(new_registry(), many_processes=True)
    assert render() == b""
    for count in (1, 2):
        subprocess.run([sys.executable, "-c", COUNTING_PROCESS], check=True)
        text = render().decode()
        assert f'plimsoll_requests_total{{code="200",model="tiny",protocol="v1",version="1"}} {count}.0' in text
        assert "process_resident_memory_bytes" not in text


def test_a_version_that_is_gone_counts_as_0_where_processes_count_together(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", RETIRING_PROCESS], check=True, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == ["1.0", "0.0"]
