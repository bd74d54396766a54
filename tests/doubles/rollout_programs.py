"""helm and kubectl that act on the release in memory, by their command lines."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from plimsoll.rollout.helm import ReleaseUnavailable
from plimsoll.rollout.kubernetes import Conflict
from plimsoll.rollout.programs import ProgramFailed
from plimsoll.rollout.release_values import overlay

from tests.doubles.rollout_cluster import FakeCluster


class ClusterPrograms:
    """Understands the commands that a driver gives, and no others."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.charts = {"charts/plimsoll": "0.4.0"}

    def run(self, program: str, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60.0) -> str:
        del timeout_seconds
        words = [each for each in arguments if not each.startswith("--") or "=" not in each]
        try:
            answer = self._helm(words, arguments) if program == "helm" else self._kubectl(words, arguments, stdin or "")
        except ReleaseUnavailable as error:
            raise ProgramFailed(program, f"Error: {error.message}") from None
        except Conflict as error:
            raise ProgramFailed(program, f"Error from server (Conflict): {error.message}") from None
        return answer if isinstance(answer, str) else json.dumps(answer)

    def _helm(self, words: list[str], arguments: tuple[str, ...]) -> Any:
        match words:
            case ["version", *_]:
                return "v4.0.0"
            case ["show", "chart", chart]:
                return self._described(chart)
            case ["history", *_]:
                return [_written(asdict(each)) for each in self._cluster.history()]
            case ["get", "values", *_]:
                (given,) = [each for each in arguments if each.startswith("--revision=")]
                return self._cluster.values(int(given.partition("=")[2]))
            case ["upgrade", _, _, "--reset-then-reuse-values", *options]:
                if "--dry-run=server" not in arguments:
                    self._cluster.upgrade(_changes(options))
                return ""
        raise AssertionError(words)

    def _described(self, chart: str) -> str:
        version = next((has for name, has in self.charts.items() if chart.endswith(name)), None)
        if version is None:
            raise ProgramFailed("helm", f"Error: path {chart} not found")
        return f"name: plimsoll\nversion: {version}\n"

    def _kubectl(self, words: list[str], arguments: tuple[str, ...], stdin: str) -> Any:
        match words:
            case ["get", *names, "--ignore-not-found"]:
                found = [self._cluster.get(*each.split("/")) for each in names]
                there = [each for each in found if each]
                return {"kind": "List", "items": there} if len(names) > 1 else there[0] if there else ""
            case ["get", kind]:
                (selector,) = [each.partition("=")[2] for each in arguments if each.startswith("--selector=")]
                labels = dict(each.split("=") for each in selector.split(","))
                return {"items": self._cluster.select(kind, labels)}
            case ["create", *_]:
                return self._cluster.create(json.loads(stdin))
            case ["replace", *_]:
                return self._cluster.replace(json.loads(stdin))
            case ["auth", "can-i", verb, kind, *_]:
                return "yes" if self._cluster.may(verb, kind) else "no"
        raise AssertionError(words)


def _written(revision: dict[str, Any]) -> dict[str, Any]:
    updated = datetime.fromtimestamp(revision.pop("updated_seconds"), UTC).isoformat()
    return {**revision, "revision": revision.pop("number"), "updated": updated}


def _changes(options: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for option, given in zip(options[::2], options[1::2], strict=True):
        path, _, text = given.partition("=")
        value: Any = text if option == "--set-string" else json.loads(text)
        for name in reversed(path.split(".")):
            value = {name: value}
        changes = overlay(changes, value)
    return changes
