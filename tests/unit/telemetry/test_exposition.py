from __future__ import annotations

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
MetricCatalog(new_registry(), 0.1).requests.labels("tiny", "1", "v1", "200").inc()
"""


def test_a_registry_has_the_metrics_of_the_process() -> None:
    text = exposition(new_registry(), many_processes=False)().decode()
    for name in ("process_resident_memory_bytes", "python_info", "python_gc_objects_collected_total"):
        assert f"\n{name}" in text


def test_what_is_counted_is_in_the_next_scrape_and_has_no_creation_time() -> None:
    registry = new_registry()
    render = exposition(registry, many_processes=False)
    catalog = MetricCatalog(registry, 0.1)
    catalog.requests.labels("tiny", "1", "v1", "200").inc()
    assert 'plimsoll_requests_total{code="200",model="tiny",protocol="v1",version="1"} 1.0' in render().decode()
    catalog.requests.labels("tiny", "1", "v1", "200").inc()
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
