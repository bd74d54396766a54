"""The files that start the example elsewhere fit the chart, Kubernetes, and the settings of the service."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml
from plimsoll.cli.serve import run
from plimsoll.settings import Settings, load_settings, variable_name

from tests.contracts.chart import needs_helm, objects, template
from tests.semantic_search.search_process import EXAMPLE, command

OLDEST = "1.30"
COMPOSE = ["compose.yaml", "compose.postgres.yaml"]
LABEL = {"app.kubernetes.io/name": "semantic-search"}


def read(name: str) -> str:
    """A file of the example."""
    return (EXAMPLE / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def settings() -> str:
    """The table of settings, as the example prints it."""
    return command("settings").stdout


def test_the_page_has_all_settings(settings: str) -> None:
    assert settings.strip() in read("README.md")


@pytest.mark.parametrize("name", [*COMPOSE, "kubernetes.yaml", "Dockerfile", "README.md", "plimsoll-values.yaml"])
def test_every_setting_that_is_named_exists(name: str, settings: str) -> None:
    known = {variable_name(field) for field in Settings.model_fields} | {"PLIMSOLL_IMAGE"}
    named = set(re.findall(r"\b(?:SEARCH|PLIMSOLL)_[A-Z_]+\b", read(name)))
    assert {each for each in named if f"`{each}`" not in settings} <= known


@needs_helm
def test_the_chart_takes_the_values() -> None:
    made = objects(template(f"--values={EXAMPLE / 'plimsoll-values.yaml'}", "--skip-tests"))
    (policy,) = (each for each in made if each["kind"] == "NetworkPolicy")
    peers = [peer for rule in policy["spec"]["ingress"] for peer in rule.get("from", [])]
    assert {"podSelector": {"matchLabels": LABEL}} in peers
    (deployment,) = (each for each in made if each["kind"] == "Deployment")
    assert "persistentVolumeClaim" in str(deployment)


def test_kubernetes_takes_the_manifest() -> None:
    made = objects(read("kubernetes.yaml"))
    for each in made:
        kubernetes_validate.validate(each, OLDEST, strict=True)
    deployment, service = made
    assert deployment["spec"]["template"]["metadata"]["labels"] == LABEL == service["spec"]["selector"]


def test_no_container_of_compose_writes_to_its_own_files() -> None:
    document: dict[str, Any] = yaml.safe_load(read("compose.yaml"))
    for service in document["services"].values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "healthcheck" in service
    assert [port.split(":")[0] for port in document["services"]["search"]["ports"]] == ["127.0.0.1"]
    assert "ports" not in document["services"]["plimsoll"]
    over = yaml.safe_load(read("compose.postgres.yaml"))
    assert set(over["services"]) == {"search", "postgres"}
    for each in (document, over):
        volumes = {mount.split(":")[0] for service in each["services"].values() for mount in service.get("volumes", [])}
        assert {name for name in volumes if not name.startswith("$")} == set(each["volumes"])


def test_plimsoll_starts_with_the_environment_of_the_image_and_of_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image listens for other machines, which needs keys, or the word that everyone may ask."""
    environment = yaml.safe_load(read("compose.yaml"))["services"]["plimsoll"]["environment"]
    for name, value in {"PLIMSOLL_HOST": "0.0.0.0", **environment}.items():  # noqa: S104  # as in the image
        monkeypatch.setenv(name, value)
    started: list[Settings] = []
    monkeypatch.setattr("plimsoll.server.uvicorn_server.serve_alone", started.append)
    run(load_settings(workers=1))
    assert [each.host for each in started] == ["0.0.0.0"]  # noqa: S104  # as above
