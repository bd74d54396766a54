"""The rule files of Prometheus: valid, tested for every alert, explained by a runbook, and the chart's as well."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contracts.alerts.rules import ALERTS, RULE_FILES, RUNBOOKS, rule_expressions, rules, without_comparison
from tests.contracts.promql import metric_names, selectors

TESTS = sorted((ALERTS / "tests").glob("*.yaml"))
ALERT_RULES = [rule for rule in rules() if "alert" in rule]
ALERT_NAMES = sorted({rule["alert"] for rule in ALERT_RULES})
OURS = re.compile(r"plimsoll|process_|up$")


def promtool(*arguments: str | Path) -> None:
    """Run promtool; what it finds fault with fails the test."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool: apt install prometheus")
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def told_apart(labels: dict[str, str]) -> tuple[str | None, str | None]:
    """What tells rules of one alert apart."""
    return labels.get("window"), labels.get("cause")


def alert_tests() -> list[dict[str, Any]]:
    """Every statement about an alert, firing or not, in the test files."""
    files = [yaml.safe_load(path.read_text()) for path in TESTS]
    return [statement for file in files for test in file["tests"] for statement in test.get("alert_rule_test", [])]


def what_is_asked_of_series() -> str:
    """Every expression whose value the test files state, and the series that they say it gives."""
    files = [yaml.safe_load(path.read_text()) for path in TESTS]
    asked = [each for file in files for test in file["tests"] for each in test.get("promql_expr_test", [])]
    return "\n".join(f"{each['expr']} {each['exp_samples']}" for each in asked)


def test_every_recorded_series_is_seen_to_have_its_values() -> None:
    asked = what_is_asked_of_series()
    recorded = [name for kind, name, _ in rule_expressions() if kind == "record"]
    assert [name for name in recorded if not re.search(rf"{name}\b", asked)] == []


def test_promtool_finds_no_fault_with_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", *RULE_FILES)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_are_tested_in_the_order_in_which_they_build_on_each_other(path: Path) -> None:
    groups = [group["name"] for file in RULE_FILES for group in yaml.safe_load(file.read_text())["groups"]]
    assert yaml.safe_load(path.read_text())["group_eval_order"] == groups, "promtool takes those not named at random"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: "-".join([rule["alert"], *rule["labels"].values()]))
def test_every_alert_is_seen_to_fire_and_to_be_silent(rule: dict[str, Any]) -> None:
    mine = [statement["exp_alerts"] for statement in alert_tests() if statement["alertname"] == rule["alert"]]
    fired = {told_apart(alert["exp_labels"]) for alerts in mine for alert in alerts}
    assert told_apart(rule["labels"]) in fired
    assert [] in mine


@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: "-".join([rule["alert"], *rule["labels"].values()]))
def test_every_alert_says_how_bad_it_is_what_happens_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"ops/runbooks/{rule['alert']}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.iterdir()) == ALERT_NAMES


@pytest.mark.parametrize("name", ALERT_NAMES)
def test_a_runbook_has_its_alert_as_title_and_fits_on_a_screen(name: str) -> None:
    lines = (RUNBOOKS / f"{name}.md").read_text().splitlines()
    assert lines[0] == f"# {name}"
    assert len(lines) <= 60


def test_every_selector_can_be_narrowed_to_one_release() -> None:
    loose = [
        str(selector)
        for _, _, expr in rule_expressions()
        for selector in selectors(expr)
        if OURS.match(selector.name or "") and 'service=~".*"' not in str(selector)
    ]
    assert not loose


def test_rules_read_what_is_exported_or_recorded() -> None:
    recorded = {name for kind, name, _ in rule_expressions() if kind == "record"}
    read = {name for _, _, expr in rule_expressions() for name in metric_names(expr)}
    assert {name for name in read if ":" in name} <= recorded


@pytest.mark.parametrize(
    ("expr", "parts"),
    [
        ("a > 2 * b and sum by (x) (c) >= 10", ["a", "2 * b", "sum by (x) (c)"]),
        ("(a / (b > 0)) > 0.01", ["a / (b > 0)"]),
        ("absent(a)", ["a"]),
        ("a > 0 unless b", ["a"]),
        ("0.01 < a", ["a"]),
    ],
)
def test_a_comparison_is_taken_off(expr: str, parts: list[str]) -> None:
    assert without_comparison(expr) == parts
