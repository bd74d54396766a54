"""The rules as the chart renders them: valid, and about one release only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.chart_files import CHART, rule_copies
from tests.contracts.alerts.rules import rule_expressions
from tests.contracts.alerts.test_rules import promtool
from tests.contracts.chart import needs_helm, objects, template
from tests.contracts.promql import selectors

pytestmark = needs_helm

OF_THE_CLUSTER = ("DCGM_", "kube_")
"""Metrics of others, which are joined with ours."""


@pytest.fixture(scope="module")
def rendered() -> dict[str, Any]:
    """The rule groups of a release `digits` whose availability objective is 95 %."""
    values = ["monitoring.rules.enabled=true", "monitoring.rules.availabilityObjective=95", "fullnameOverride=digits"]
    only = ("--namespace=demo", "--show-only=templates/prometheusrule.yaml")
    (rule,) = objects(template(*only, *(f"--set={value}" for value in values), name="digits"))
    return {"groups": rule["spec"]["groups"]}


def test_the_copies_are_what_the_code_makes() -> None:
    assert {path.name: path.read_text() for path in (CHART / "rules").iterdir()} == rule_copies(), "run make dashboards"


def test_each_placeholder_is_replaced(rendered: dict[str, Any]) -> None:
    assert "__" not in yaml.safe_dump(rendered).replace("__name__", "")


def test_nothing_is_lost_and_every_selector_is_narrowed(rendered: dict[str, Any]) -> None:
    rules = [rule for group in rendered["groups"] for rule in group["rules"]]
    assert len(rules) == len(rule_expressions())
    for rule in rules:
        for selector in selectors(rule["expr"]):
            if not (selector.name or "").startswith(OF_THE_CLUSTER):
                assert {str(matcher) for matcher in selector.matchers.matchers} >= {
                    'namespace="demo"',
                    'service=~"digits-(stable|canary)"',
                }


def test_another_release_and_a_lesser_objective_fire_nothing(rendered: dict[str, Any], tmp_path: Path) -> None:
    burning = [
        ("digits-stable", 98, 2),  # 2 % failures, within 95 %
        ("digits-canary", 20, 80),
        ("other-stable", 0, 100),
    ]
    labels = 'namespace="demo", service="{}"'.format
    series = [
        {"series": f"{name}{{{labels(service)}{code}}}", "values": values}
        for service, good, bad in burning
        for name, code, values in [
            ("plimsoll_build_info", "", "1x60"),
            ("plimsoll_requests_total", ', code="200"', f"0+{good}x60"),
            ("plimsoll_requests_total", ', code="500"', f"0+{bad}x60"),
        ]
    ]
    expected = [{"labels": '{service="digits-canary"}', "value": 4}]
    firing = 'count by (service) (ALERTS{alertstate="firing", alertname!="PlimsollNobodyServed"})'
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rendered))
    (tmp_path / "test.yaml").write_text(
        yaml.safe_dump(
            {
                "rule_files": ["rules.yaml"],
                "evaluation_interval": "1m",
                "group_eval_order": [group["name"] for group in rendered["groups"]],
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": series,
                        "promql_expr_test": [{"eval_time": "1h", "expr": firing, "exp_samples": expected}],
                    }
                ],
            }
        )
    )
    promtool("check", "rules", "--lint-fatal", tmp_path / "rules.yaml")
    promtool("test", "rules", tmp_path / "test.yaml")
