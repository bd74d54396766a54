"""What the chart renders, as files of the repository; run as a module to write them anew.

k8s/base is for kustomize: all the objects of the defaults. The golden files hold the pods, and the claims, of each
example with a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.contracts.chart import EXAMPLES, objects, template
from tests.contracts.generated import REPOSITORY

BASE = REPOSITORY / "k8s" / "base" / "plimsoll.yaml"
GOLDEN = REPOSITORY / "tests" / "contracts" / "golden"
_OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")


def _base() -> str:
    """Without what only Helm has a use for."""
    made = [_without_helm(each) for each in objects(template("--skip-tests"))]
    return "# Made from charts/plimsoll by `make renders`; change it in an overlay.\n" + _text(made)


def _pods_of(example: Path) -> str:
    rendered = objects(template(f"--values={example}", "--kube-version=1.37"))
    made = [each for each in rendered if each["kind"] in {"Deployment", "ResourceClaimTemplate"}]
    return f"# Made from charts/plimsoll/ci/{example.name} by `make renders`.\n" + _text(made)


def _text(made: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(made, sort_keys=False, width=120)


def _without_helm(made: dict[str, Any]) -> dict[str, Any]:
    metadata = made["metadata"]
    metadata.pop("namespace")
    metadata["labels"] = {name: value for name, value in metadata["labels"].items() if name not in _OF_HELM}
    return made


def _golden(example: Path) -> tuple[Path, Callable[[], str]]:
    return GOLDEN / f"{example.name.removesuffix('-values.yaml')}.yaml", lambda: _pods_of(example)


RENDERS: dict[Path, Callable[[], str]] = {BASE: _base} | dict(
    _golden(example) for example in EXAMPLES if example.name.startswith("gpu-")
)
"""Each file, and what makes its text; that needs Helm."""


if __name__ == "__main__":
    for file, text in RENDERS.items():
        file.write_text(text(), encoding="utf-8")
