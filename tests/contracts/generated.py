"""Files that are made from the code. Run as a module with the name of a file to write that file."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from plimsoll.application import Application
from plimsoll.cli.settings import markdown_table
from plimsoll.settings import Settings
from plimsoll.telemetry.exposition import GPU_MEMORY
from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry

from tests.contracts.chart_values import markdown_tables
from tests.contracts.errors_page import table as errors_table
from tests.contracts.kinds import table as kinds_table
from tests.contracts.tasks_page import tables as tasks_tables

REPOSITORY = Path(__file__).parents[2]
_PROCESS = {
    "process_resident_memory_bytes": "Memory of the process that lies in RAM.",
    "process_cpu_seconds_total": "CPU time of the process.",
    "process_start_time_seconds": "When the process started, in seconds since 1970.",
    "process_open_fds": "Open files and connections.",
}
"""Metrics of prometheus-client itself that the dashboards show."""


MOST_USED = (
    *("host", "port", "workers", "models_dir", "desired_state", "keys_file"),
    *("device", "factories", "concurrency", "max_body_bytes", "objective_ms", "otel_endpoint"),
)
"""The twelve settings that the README shows; docs/settings.md has all."""


def readme() -> str:
    """The README with the current table of the settings that matter most."""
    return _with_table("README.md", "settings", markdown_table(MOST_USED))


def settings_page() -> str:
    """docs/settings.md with the current settings."""
    return _with_table("docs/settings.md", "settings", markdown_table())


def metrics_page() -> str:
    """docs/metrics.md with the current metrics."""
    catalog = MetricCatalog(CollectorRegistry(), Settings.model_construct().objective_seconds)
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for each in (*catalog.descriptions, GPU_MEMORY):
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{each.name}` | {each.kind} | {labels} | {each.meaning} |")
    for name, meaning in _PROCESS.items():
        rows.append(f"| `{name}` | {'counter' if name.endswith('_total') else 'gauge'} | | {meaning} |")
    return _with_table("docs/metrics.md", "metrics", "\n".join(rows))


def errors_page() -> str:
    """docs/errors.md with the current errors."""
    return _with_table("docs/errors.md", "errors", errors_table())


def chart_page() -> str:
    """The chart's README with the current values."""
    return _with_table("charts/plimsoll/README.md", "values", markdown_tables())


def models_page() -> str:
    """docs/models.md with the committed records of the kinds."""
    return _with_table("docs/models.md", "kinds", kinds_table())


def tasks_page() -> str:
    """docs/tasks.md with the current tasks, and the models of the examples."""
    return _with_table("docs/tasks.md", "tasks", tasks_tables())


def _with_table(page: str, kind: str, table: str) -> str:
    marks = rf"(?<=<!-- {kind}: made by `make {kind}-table` -->\n).*?(?=<!-- end of {kind} -->)"
    return re.sub(marks, lambda _: table + "\n", (REPOSITORY / page).read_text(), flags=re.DOTALL)


def openapi() -> str:
    """The OpenAPI document of the application."""
    document = json.loads(Application(Settings.model_construct()).document.rendered())
    document["info"]["version"] = "VERSION"  # so that a release does not change the snapshot
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


GENERATED: dict[str, Callable[[], str]] = {
    "README.md": readme,
    "docs/settings.md": settings_page,
    "docs/metrics.md": metrics_page,
    "docs/errors.md": errors_page,
    "docs/models.md": models_page,
    "docs/tasks.md": tasks_page,
    "charts/plimsoll/README.md": chart_page,
    "tests/contracts/openapi.json": openapi,
}

if __name__ == "__main__":
    (REPOSITORY / sys.argv[1]).write_text(GENERATED[sys.argv[1]]())
