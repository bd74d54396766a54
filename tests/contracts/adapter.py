"""What prometheus-adapter is to pass on."""

from __future__ import annotations

from typing import Any

import yaml

from tests.contracts.generated import REPOSITORY

ADAPTER = REPOSITORY / "ops" / "autoscaling"


def adapter_rules() -> list[dict[str, Any]]:
    """Its rules, as its chart's values have them."""
    text = (ADAPTER / "prometheus-adapter-values.yaml").read_text(encoding="utf-8")
    rules: list[dict[str, Any]] = yaml.safe_load(text)["rules"]["custom"]
    return rules
