"""A Prometheus of one's own: the program itself, on loopback, over some servers."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

_PATIENCE_SECONDS = 60.0


class RealPrometheus:
    """Scrapes every second and evaluates rules every second. `targets` are URLs with the labels that a cluster adds.

    `judge` is the URL of a judge, which is scraped as the chart's monitor has it.
    """

    def __init__(
        self, folder: Path, targets: Mapping[str, Mapping[str, str]], rule_files: list[Path], judge: str = ""
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{address}"
        config = folder / "prometheus.json"  # JSON is YAML
        scrape = {
            "job_name": "plimsoll",
            "static_configs": [
                {"targets": [url.removeprefix("http://")], "labels": dict(labels)} for url, labels in targets.items()
            ],
        }
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(file) for file in rule_files],
                    "scrape_configs": [scrape, *([_of_a_judge(judge)] if judge else [])],
                }
            )
        )
        self.scraped: list[str] = []
        """What its targets said at the end, for whoever wants to read it themselves."""
        self._log = (folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def wait_until_ready(self) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "Prometheus ended; its log lies beside its data"
            try:
                if httpx.get(f"{self.url}/-/ready").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError("Prometheus did not become ready")

    def query(self, expr: str) -> list[float]:
        """The values that an expression has now; fails where Prometheus refuses it."""
        reply = httpx.post(f"{self.url}/api/v1/query", data={"query": expr}, timeout=30)
        document: dict[str, Any] = reply.json()
        assert document["status"] == "success", f"{document.get('error')}: {expr}"
        data = document["data"]
        if data["resultType"] == "scalar":
            return [float(data["result"][1])]
        return [float(sample["value"][1]) for sample in data["result"]]

    def answers(self, expr: str) -> bool:
        """Whether an expression has values now, and only finite ones."""
        values = self.query(expr)
        return bool(values) and all(map(math.isfinite, values))

    def get(self, path: str, **parameters: str) -> Any:
        """What its API says under a path."""
        return httpx.get(f"{self.url}/api/v1/{path}", params=parameters).json()["data"]

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


def _of_a_judge(url: str) -> dict[str, Any]:
    of_the_canary = {
        "source_labels": ["release"],
        "regex": "(.+)",
        "target_label": "service",
        "replacement": "$1-canary",
    }
    return {
        "job_name": "plimsoll-judge",
        "honor_labels": True,
        "static_configs": [{"targets": [url.removeprefix("http://")]}],
        "metric_relabel_configs": [of_the_canary],
    }
