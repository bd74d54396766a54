"""The chart's defaults as plain objects, for kustomize; run as a module to write them anew."""

from __future__ import annotations

from typing import Any

import yaml

from tests.contracts.chart import objects, template
from tests.contracts.generated import REPOSITORY

BASE = REPOSITORY / "k8s" / "base" / "plimsoll.yaml"
_HEAD = "# Made from charts/plimsoll by `make k8s-base`; change it in an overlay.\n"
_OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")


def rendered() -> str:
    """What `helm template` makes of the chart with its defaults, without what only Helm has a use for."""
    made = [_without_helm(each) for each in objects(template("--skip-tests"))]
    return _HEAD + yaml.safe_dump_all(made, sort_keys=False, width=120)


def _without_helm(made: dict[str, Any]) -> dict[str, Any]:
    metadata = made["metadata"]
    metadata.pop("namespace")
    metadata["labels"] = {name: value for name, value in metadata["labels"].items() if name not in _OF_HELM}
    return made


if __name__ == "__main__":
    BASE.write_text(rendered(), encoding="utf-8")
