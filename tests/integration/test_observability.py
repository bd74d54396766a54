"""What a real Prometheus makes of the real service: every query of every board, rule and alert has an answer."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.contracts.alerts.rules import RULE_FILES, rule_expressions, without_comparison
from tests.contracts.dashboards.queries import board_queries, concrete, variable_queries
from tests.contracts.promql import metric_names
from tests.integration.conftest import REPOSITORY
from tests.integration.judge_process import JudgeProcess
from tests.integration.real_prometheus import RealPrometheus
from tests.integration.served_process import ServedProcess

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="needs `prometheus` and `promtool` on PATH: apt install prometheus",
)

ROW = (REPOSITORY / "examples" / "digits" / "7.json").read_text()
TRACE = "0af7651916cd43dd8448eb211c80319c"
STABLE = {"namespace": "here", "service": "plimsoll-stable", "track": "stable"}
CANARY = {"namespace": "here", "service": "plimsoll-canary", "track": "canary"}
COMMON = {"container": "plimsoll", "cluster": "one"}
ELSEWHERE = {
    "container_": "the kubelets' cAdvisor; answered end to end",
    "kube_": "kube-state-metrics; answered end to end",
    "DCGM_": "NVIDIA's exporter, which needs a GPU",
    "plimsoll:gpu_xid": "recorded from NVIDIA's exporter",
    "plimsoll_gpu_memory_bytes": "needs a GPU",
}
"""Metrics that nothing here exports, and where they are to be seen instead."""
WINDOW_SECONDS = 12
"""Of load: rates need two scrapes, and rules of rules one evaluation more."""


def desired(folder: Path, *versions: str) -> str:
    """A desired state of some versions of the digits model; 99 does not exist."""
    file = folder / f"desired-{'-'.join(versions)}.yaml"
    file.write_text(json.dumps({"models": [{"name": "digits", "versions": [{"version": each} for each in versions]}]}))
    return str(file)


class Load:
    """Clients of all kinds, until they are told to stop: good, wrong, late, too many, and gone before the answer."""

    def __init__(self, *urls: str) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(client, url))
            for url in urls
            for client in (self._good, self._good, self._wrong, self._late, self._crowd, self._leaver)
        ]
        self.failures: list[str] = []

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _repeat(self, client: Callable[[httpx.Client, str], None], url: str) -> None:
        with httpx.Client(base_url=url, headers={"Content-Type": "application/json"}, timeout=30) as http:
            while not self._stop.wait(0.05):
                try:
                    client(http, url)
                except httpx.HTTPError as error:
                    self.failures.append(f"{client.__name__}: {error!r}")

    @staticmethod
    def _good(http: httpx.Client, _: str) -> None:
        http.post("/v1/predict", content=ROW, headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})

    @staticmethod
    def _wrong(http: httpx.Client, _: str) -> None:
        http.post("/v1/predict", content=b"{")
        http.post("/v1/models/elsewhere/predict", content=ROW)

    @staticmethod
    def _late(http: httpx.Client, _: str) -> None:
        body = ROW.encode()
        http.post("/v1/predict", content=iter([body[:9]]), headers={"x-request-timeout-ms": "1"})

    @staticmethod
    def _crowd(http: httpx.Client, url: str) -> None:
        with ThreadPoolExecutor(8) as crowd:
            list(crowd.map(lambda _: httpx.post(f"{url}/v1/predict", content=ROW, headers=http.headers), range(8)))

    @staticmethod
    def _leaver(http: httpx.Client, _: str) -> None:
        with suppress(httpx.TimeoutException):
            http.post("/v1/predict", content=ROW, timeout=httpx.Timeout(5, read=0.001))


def ask(judge: JudgeProcess, *servers: str) -> None:
    """Ask until there is a verdict on counts, and wait until it has been scraped.

    The judge counts from a multiple of 16 seconds on, which may come after the load; so a few requests still come.
    """
    asked = {"release": "plimsoll", "namespace": "here", "split": "unknown"}
    deadline = time.monotonic() + 60
    while not (answer := httpx.get(f"{judge.url}/verdict", params=asked, timeout=30).json())["canary_requests"]:
        assert time.monotonic() < deadline, answer["reason"]
        for server in servers:
            httpx.post(f"{server}/v1/predict", content=ROW, headers={"Content-Type": "application/json"})
        time.sleep(1)
    time.sleep(2)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    models = REPOSITORY / "models"
    stable, canary = ServedProcess(models), ServedProcess(models)
    # A crowd of eight is too many for two, so that some are refused; repeated inputs are answered from the cache.
    settings = {"PLIMSOLL_CONCURRENCY": "2", "PLIMSOLL_QUEUE_LIMIT": "2", "PLIMSOLL_INLINE_BUDGET_MS": "0"}
    running, judge = None, JudgeProcess()
    try:
        stable.start(PLIMSOLL_DESIRED_STATE=desired(folder, "1", "99"), PLIMSOLL_CACHE_BYTES="1000000", **settings)
        canary.start(
            PLIMSOLL_DESIRED_STATE=desired(folder, "2"), OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **settings
        )
        stable.wait_for_log("digits version 1 is ready")
        canary.ready()
        targets = {
            stable.url: {**STABLE, **COMMON, "pod": "plimsoll-stable-0"},
            canary.url: {**CANARY, **COMMON, "pod": "plimsoll-canary-0"},
        }
        running = RealPrometheus(folder, targets, list(RULE_FILES), judge.url)
        running.wait_until_ready()
        judge.start(running.url, "--interval", "1s")
        load = Load(stable.url, canary.url)
        with load:
            time.sleep(WINDOW_SECONDS)
        assert load.failures == []
        ask(judge, *targets)
        running.scraped = [httpx.get(f"{url}/metrics").text for url in (*targets, judge.url)]
        yield running
    finally:
        judge.stop()
        if running is not None:
            running.stop()
        stable.kill()
        canary.kill()


def needs_another(expr: str) -> bool:
    """Whether an expression reads a metric that nothing here exports."""
    return any(name.startswith(prefix) for name in metric_names(concrete(expr)) for prefix in ELSEWHERE)


def unanswered(prometheus: RealPrometheus, expressions: dict[str, str]) -> list[str]:
    """Those that ought to have an answer and have none, or one that is no number."""
    return [
        f"{what}: {expr}"
        for what, expr in expressions.items()
        if not needs_another(expr) and not prometheus.answers(expr)
    ]


def test_every_query_of_every_board_is_answered(prometheus: RealPrometheus) -> None:
    expressions = {
        f"{board} / {panel} / {number}": concrete(expr)
        for number, (board, panel, expr) in enumerate(board_queries() + variable_queries())
    }
    assert len(expressions) > 50
    assert sum(map(needs_another, expressions.values())) < len(expressions) / 3, "most of them are answered here"
    assert unanswered(prometheus, expressions) == []


def test_every_recording_rule_is_answered(prometheus: RealPrometheus) -> None:
    names = {name: name for kind, name, _ in rule_expressions() if kind == "record"}
    assert len(names) > 20
    assert unanswered(prometheus, names) == []


def test_what_every_alert_compares_is_answered(prometheus: RealPrometheus) -> None:
    parts = {
        f"{name} {number} {place}": part
        for number, (kind, name, expr) in enumerate(rule_expressions())
        if kind == "alert"
        for place, part in enumerate(without_comparison(expr))
    }
    assert len(parts) > 20
    assert unanswered(prometheus, parts) == []


def test_prometheus_evaluates_every_rule_without_an_error(prometheus: RealPrometheus) -> None:
    evaluated = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(evaluated) == len(rule_expressions())
    assert [rule["name"] for rule in evaluated if rule["health"] != "ok"] == []


def test_a_traced_answer_is_the_example_of_a_bucket(prometheus: RealPrometheus) -> None:
    found = prometheus.get(
        "query_exemplars",
        query="plimsoll_request_duration_seconds_bucket",
        start=str(time.time() - 600),
        end=str(time.time()),
    )
    traces = {example["labels"]["trace_id"] for series in found for example in series["exemplars"]}
    assert TRACE in traces


def test_every_metric_that_anything_reads_is_exported_and_every_exported_one_is_documented(
    prometheus: RealPrometheus,
) -> None:
    exported = {name for text in prometheus.scraped for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)}
    series = {name for text in prometheus.scraped for name in re.findall(r"^(\w+)", text, re.MULTILINE)}
    expressions = [concrete(expr) for *_, expr in board_queries() + variable_queries() + rule_expressions()]
    read = {name for expr in expressions for name in metric_names(expr) if name.startswith(("plimsoll_", "process_"))}
    assert read - series == {"plimsoll_gpu_memory_bytes"}
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    assert {name for name in exported if name.startswith("plimsoll_") and f"`{name}`" not in page} == set()


@pytest.mark.parametrize("place", [0, 1, 2], ids=["stable", "canary", "judge"])
def test_the_scrape_is_as_promtool_wants_it(prometheus: RealPrometheus, place: int) -> None:
    ours = re.sub(r"(?m)^(# (HELP|TYPE) )?(python|process)_.*\n", "", prometheus.scraped[place])
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=ours, capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
