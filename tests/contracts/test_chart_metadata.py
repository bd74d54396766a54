"""What a registry shows of the chart: whose it is, where its pages are, and which images it runs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from ops.chart_files import home
from tests.contracts.chart import CHART, needs_helm, objects, template
from tests.contracts.generated import REPOSITORY


@pytest.fixture
def chart() -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8")))


def test_the_chart_has_pages_and_people(chart: dict[str, Any]) -> None:
    assert chart["home"] in chart["sources"]
    assert all(each["name"] for each in chart["maintainers"])
    links = yaml.safe_load(chart["annotations"]["artifacthub.io/links"])
    assert {each["url"].startswith(f"{chart['home']}/") for each in links} == {True}
    for page in (each["url"].partition("/blob/main/")[2] for each in links):
        assert (REPOSITORY / page).is_file(), page


def test_a_reserved_address_is_no_home_for_links(chart: dict[str, Any]) -> None:
    assert home() == (None if "//example.org" in chart["home"] else chart["home"])


def test_the_icon_is_the_mark_of_the_server_s_pages(chart: dict[str, Any]) -> None:
    kind, _, encoded = chart["icon"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    (mark,) = (REPOSITORY / "service").rglob("plimsoll.svg")
    drawn, expected = (base64.b64decode(encoded).decode(), mark.read_text(encoding="utf-8"))
    assert "".join(drawn.split()) == "".join(expected.split())


@needs_helm
def test_the_images_are_those_that_the_chart_runs(chart: dict[str, Any]) -> None:
    listed = {each["image"] for each in yaml.safe_load(chart["annotations"]["artifacthub.io/images"])}
    rendered = [
        each for file in ("values.yaml", "values-gpu.yaml") for each in objects(template(f"--values={CHART / file}"))
    ]
    run = {
        container["image"]
        for each in rendered
        if each["kind"] == "Deployment"
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    assert listed == run, "artifacthub.io/images in Chart.yaml follows appVersion"
