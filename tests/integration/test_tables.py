"""Tables with named columns over HTTP: the example models, the real application."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import numpy as np
import pytest
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden_requests import read_requests
from plimsoll.settings import load_settings

from tests.doubles.odd_tables import odd_bodies
from tests.integration.conftest import REPOSITORY, running
from training.bike_hire import COLUMNS, HELD_OUT_FILE, columns_only
from training.bootstrap import figure_of, mean_error, r_squared

MODELS = REPOSITORY / "examples" / "models"
DESIRED_STATE = (
    'models:\n- name: bike-hire\n  versions: [{version: "1"}, {version: "2"}]\n'
    '- name: credit-risk\n  versions: [{version: "1"}]\n'
)
BIKES, CREDIT = "/v1/models/bike-hire/versions/2/predict", "/v1/models/credit-risk/predict"
FLOORS = {"1": 0.70, "2": 0.90}
"""Of R2: by time, and at random."""


def settings_of(tmp_path: Path, state: str = DESIRED_STATE, models: Path = MODELS) -> Any:
    desired = tmp_path / "desired-state.yaml"
    desired.write_text(state)
    return load_settings(models_dir=models, desired_state=desired)


@pytest.fixture
async def tables(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with running(Application(settings_of(tmp_path))) as client:
        yield client


def held_out(version: str) -> list[dict[str, Any]]:
    hours: dict[str, list[dict[str, Any]]] = json.loads(gzip.decompress(HELD_OUT_FILE.read_bytes()))
    return hours[version]


def golden_row(name: str, version: str) -> dict[str, Any]:
    """The first row of the golden requests."""
    row: dict[str, Any] = json.loads(read_requests(open_bundle(MODELS / name / version))[0].body)["columns"]
    return row


async def predicted(client: httpx.AsyncClient, path: str, rows: list[Any]) -> list[dict[str, Any]]:
    predictions = []
    for start in range(0, len(rows), 100):
        reply = await client.post(path, json={"instances": rows[start : start + 100]})
        assert reply.status_code == 200, reply.text
        predictions += reply.json()["predictions"]
    return predictions


@pytest.mark.parametrize("version", FLOORS)
async def test_bike_hire_is_as_good_on_unseen_hours_as_its_manifest_says(
    tables: httpx.AsyncClient, version: str
) -> None:
    hours = held_out(version)
    answers = await predicted(
        tables, f"/v1/models/bike-hire/versions/{version}/predict", [columns_only(hour) for hour in hours]
    )
    truth = np.array([hour["hires"] for hour in hours], float)
    mean = np.array([answer["values"]["hires"] for answer in answers])
    ends = [answer["interval"]["hires"] for answer in answers]
    inside = np.array([end["low"] <= true <= end["high"] for end, true in zip(ends, truth, strict=True)], float)
    assert all(
        end["low"] <= value <= end["high"] and end["level"] == 0.9 for end, value in zip(ends, mean, strict=True)
    )
    measured = {
        "r2": figure_of(r_squared, truth, mean),
        "mean absolute error": figure_of(mean_error, truth, mean),
        "coverage of the 90% interval": figure_of(lambda share: float(share.mean()), inside),
    }
    metrics = open_bundle(MODELS / "bike-hire" / version).manifest.metrics
    assert metrics.keys() == measured.keys()
    for name, figure in measured.items():
        published = metrics[name]
        assert [figure.value, figure.low, figure.high] == pytest.approx(
            [published.value, published.low, published.high], rel=1e-3
        )
        assert figure.rows == published.rows
    assert measured["r2"].value >= FLOORS[version]


async def test_rows_are_answered_alike_alone_together_and_in_a_shared_batch(tables: httpx.AsyncClient) -> None:
    rows = [columns_only(hour) for hour in held_out("2")[:40]]
    together = await predicted(tables, BIKES, rows)
    alone = await asyncio.gather(*(tables.post(BIKES, json={"columns": row}) for row in rows))
    for one, reply in zip(together, alone, strict=True):
        (single,) = reply.json()["predictions"]
        assert single["values"]["hires"] == pytest.approx(one["values"]["hires"], rel=1e-4, abs=1e-3)


@pytest.mark.parametrize(("path", "name", "version"), [(BIKES, "bike-hire", "2"), (CREDIT, "credit-risk", "1")])
async def test_json_csv_and_numbers_by_position_get_the_same_answer(
    tables: httpx.AsyncClient, path: str, name: str, version: str
) -> None:
    row = golden_row(name, version)
    by_name = (await tables.post(path, json={"columns": row})).json()["predictions"][0]
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted(row))
    writer.writeheader()
    writer.writerow(row)
    by_csv = await tables.post(path, content=text.getvalue(), headers={"content-type": "text/csv"})
    assert by_csv.status_code == 200, by_csv.text
    (line,) = csv.DictReader(io.StringIO(by_csv.text))
    if name == "bike-hire":
        assert float(line["values.hires"]) == pytest.approx(by_name["values"]["hires"], rel=1e-6)
        assert float(line["interval.hires.high"]) == pytest.approx(by_name["interval"]["hires"]["high"], rel=1e-6)
    else:
        assert line["class"] == by_name["class"]
    numbers = position_of(name, version, row)
    by_position = (await tables.post(path, json={"features": numbers})).json()["predictions"][0]
    assert by_position == by_name
    tensor = {"name": "rows", "datatype": "FP32", "shape": [1, len(numbers)], "data": numbers}
    oip = await tables.post(f"/v2/models/{name}/versions/{version}/infer", json={"inputs": [tensor]})
    assert oip.status_code == 200, oip.text
    kserve = await tables.post(f"/v1/models/{name}:predict", json={"instances": [row]})
    assert kserve.status_code == 200, kserve.text


def position_of(name: str, version: str, row: dict[str, Any]) -> list[float]:
    """The numbers of a row, made as the page says and not as the server does."""
    numbers: list[float] = []
    for column in open_bundle(MODELS / name / version).manifest.options["columns"]:
        value = row[column["name"]]
        numbers += [float(value == each) for each in column["values"]] if column["kind"] == "category" else [value]
    return numbers


async def test_a_bad_row_is_named_and_its_neighbours_in_a_batch_are_answered(tables: httpx.AsyncClient) -> None:
    row = golden_row("bike-hire", "2")
    bodies: list[dict[str, Any]] = [
        {"instances": [row, {**row, "weather": "hail"}]},
        *({"columns": row} for _ in range(8)),
        {"columns": {**row, "hour": 24}},
        {"instances": [row, row, {**row, "temperature": "warm"}]},
    ]
    replies = await asyncio.gather(*(tables.post(BIKES, json=body) for body in bodies))
    assert [reply.status_code for reply in replies] == [422, *[200] * 8, 422, 422]
    errors = [replies[at].json()["error"] for at in (0, 9, 10)]
    assert [error.get("index") for error in errors] == [1, None, 2]
    assert errors[0]["expected"] == "one of 'clear', 'cloudy/misty', 'light rain/snow', 'heavy rain/snow'"
    assert errors[2]["message"] == "the column 'temperature' has the wrong type"


async def test_rows_by_name_stream_as_they_finish(tables: httpx.AsyncClient) -> None:
    row = golden_row("bike-hire", "2")
    whole = await predicted(tables, BIKES, [row, {**row, "hour": 8}])
    reply = await tables.post(
        BIKES, json={"instances": [row, {**row, "hour": 8}]}, headers={"accept": "text/event-stream"}
    )
    assert reply.headers["content-type"].startswith("text/event-stream")
    streamed = sorted(float(hires) for hires in re.findall(r'"values":{"hires":([0-9.e+-]+)}', reply.text))
    assert streamed == pytest.approx(sorted(one["values"]["hires"] for one in whole), rel=1e-4)


@pytest.mark.parametrize(("path", "name", "version"), [(BIKES, "bike-hire", "2"), (CREDIT, "credit-risk", "1")])
async def test_no_odd_table_gets_a_5xx_and_each_refusal_is_a_short_sentence(
    tables: httpx.AsyncClient, path: str, name: str, version: str
) -> None:
    statuses: set[int] = set()
    for media_type, body in odd_bodies(golden_row(name, version), seed=26, number=150):
        reply = await tables.post(path, content=body, headers={"content-type": media_type})
        statuses.add(reply.status_code)
        if reply.status_code != 200:
            assert reply.status_code in (400, 422), (body, reply.text)
            assert len(reply.content) < 1500
    assert statuses == {200, 400, 422}


async def test_openapi_shows_the_columns_of_each_model_and_an_example_that_is_answered(
    tables: httpx.AsyncClient,
) -> None:
    document = (await tables.get("/openapi.json")).json()
    body = document["components"]["requestBodies"]["bike-hire.2"]["content"]["application/json"]
    row_schema = body["schema"]["oneOf"][0]["properties"]["columns"]
    assert list(row_schema["properties"]) == [each["name"] for each in COLUMNS]
    assert "A row by position is read as well, as 'features': 47 numbers: rows." in row_schema["description"]
    csv_schema = document["components"]["requestBodies"]["bike-hire.2"]["content"]["text/csv"]["schema"]
    assert csv_schema["description"].startswith("A line with the names of the columns, in any order,")
    assert row_schema["properties"]["temperature"]["description"] == "Air. In °C."
    for name, example in document["components"]["examples"].items():
        if name.startswith("bike-hire.2."):
            jsonschema_rs.validate(body["schema"], example["value"])
            reply = await tables.post(BIKES, json=example["value"])
            assert reply.status_code == 200, reply.text
            jsonschema_rs.validate(document["components"]["schemas"]["bike-hire.2"], reply.json())


def swapped_labels(manifest: dict[str, Any]) -> None:
    manifest["signature"]["outputs"][0]["labels"].reverse()


def swapped_columns(manifest: dict[str, Any]) -> None:
    columns = manifest["options"]["columns"]
    first, second = [at for at, each in enumerate(columns) if each["kind"] == "number"][:2]
    columns[first], columns[second] = columns[second], columns[first]


def swapped_categories(manifest: dict[str, Any]) -> None:
    next(each for each in manifest["options"]["columns"] if each["kind"] == "category")["values"].reverse()


def other_rule_for_missing_values(manifest: dict[str, Any]) -> None:
    next(each for each in manifest["options"]["columns"] if each["name"] in ("humidity", "income"))["missing"] = 3


@pytest.mark.parametrize("name", ["bike-hire", "credit-risk"])
@pytest.mark.parametrize("change", [swapped_labels, swapped_columns, swapped_categories, other_rule_for_missing_values])
async def test_another_table_of_columns_or_labels_fails_the_golden_requests(
    tmp_path: Path, name: str, change: Callable[[dict[str, Any]], None]
) -> None:
    version = max(each.name for each in (MODELS / name).iterdir())
    folder = tmp_path / "models" / name / version
    shutil.copytree(MODELS / name / version, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    state = f'models:\n- name: {name}\n  versions: [{{version: "{version}"}}]\n'
    async with running(Application(settings_of(tmp_path, state, tmp_path / "models"))) as client:
        reply = await client.get("/readyz")
        assert reply.status_code == 503
        assert "golden request" in reply.text
