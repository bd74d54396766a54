"""The digits models, served: what they answer, and how often they are right on digits they have never seen."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.integration.conftest import REPOSITORY
from training.statistics import mcnemar_exact, wilson_interval

BATCH = 100
SEVEN = (REPOSITORY / "examples" / "digits" / "7.json").read_text()


@pytest.fixture(scope="module")
def heldout() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    with np.load(REPOSITORY / "training" / "digits-heldout.npz", allow_pickle=False) as archive:
        return archive["pixels"] / 255, archive["labels"].astype(np.int64)


async def predict(client: httpx.AsyncClient, version: str, rows: NDArray[np.float64]) -> dict[str, Any]:
    path = f"/v1/models/digits/versions/{version}/predict"
    reply = await client.post(path, json={"instances": rows.tolist()})
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-plimsoll-version"] == version
    return dict(reply.json())


async def classes(client: httpx.AsyncClient, version: str, rows: NDArray[np.float64]) -> NDArray[np.int64]:
    found: list[int] = []
    for start in range(0, len(rows), BATCH):
        answer = await predict(client, version, rows[start : start + BATCH])
        found += [prediction["class"] for prediction in answer["predictions"]]
    return np.array(found)


async def test_the_held_out_digits_are_recognised_as_promised(
    client: httpx.AsyncClient, heldout: tuple[NDArray[np.float64], NDArray[np.int64]]
) -> None:
    rows, labels = heldout
    assert len(rows) == 1000
    right = {version: await classes(client, version, rows) == labels for version in ("1", "2")}
    assert right["1"].mean() >= 0.955
    assert right["2"].mean() >= 0.98
    difference = mcnemar_exact(right["1"].tolist(), right["2"].tolist())
    assert difference.only_second > difference.only_first
    assert difference.p < 0.01


async def test_the_manifests_state_what_the_served_models_reach(
    client: httpx.AsyncClient, heldout: tuple[NDArray[np.float64], NDArray[np.int64]]
) -> None:
    rows, labels = heldout
    for version in ("1", "2"):
        detail = (await client.get(f"/v1/models/digits/versions/{version}")).json()
        stated = detail["metrics"]["accuracy"]
        measured = int((await classes(client, version, rows) == labels).sum())
        low, high = wilson_interval(measured, len(rows))
        assert (stated["value"], stated["rows"]) == (measured / len(rows), len(rows))
        assert (stated["low"], stated["high"]) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@pytest.mark.parametrize("digit", range(10))
async def test_the_sample_pictures_are_recognised(client: httpx.AsyncClient, digit: int) -> None:
    from plimsoll.bundle.manifest import ImagePreprocessing
    from plimsoll.fronts.glyph_image import read_glyph

    detail = (await client.get("/v1/models/digits/versions/1")).json()
    steps = ImagePreprocessing.model_validate(detail["preprocessing"])
    features = read_glyph((REPOSITORY / "examples" / "digits" / f"{digit}.png").read_bytes(), steps).tolist()
    for version in ("1", "2"):
        reply = await client.post(f"/v1/models/digits/versions/{version}/predict", json={"features": features})
        assert reply.json()["predictions"][0]["class"] == digit


async def test_one_row_and_many_give_the_same_form_of_answer(client: httpx.AsyncClient) -> None:
    body = json.loads(SEVEN)
    one = (await client.post("/v1/predict", json=body)).json()
    many = (await client.post("/v1/predict", json={"instances": [body["features"]] * 3})).json()
    assert one.keys() == many.keys() == {"model", "version", "latency_ms", "predictions"}
    assert (one["model"], one["version"]) == ("digits", "2"), "the highest version answers"
    assert (len(one["predictions"]), len(many["predictions"])) == (1, 3)
    assert one["predictions"][0]["class"] == many["predictions"][2]["class"] == 7
    probabilities = one["predictions"][0]["probabilities"]
    assert len(probabilities) == 10
    assert sum(probabilities) == pytest.approx(1)
    assert many["predictions"][1]["probabilities"] == pytest.approx(probabilities, abs=1e-5)
    assert one["latency_ms"] > 0


async def test_a_row_gets_its_own_answer_whatever_stands_beside_it(
    client: httpx.AsyncClient, heldout: tuple[NDArray[np.float64], NDArray[np.int64]]
) -> None:
    rows = heldout[0][:BATCH]
    together = (await predict(client, "2", rows))["predictions"]
    for index in (0, 1, 50, 99):
        alone = (await predict(client, "2", rows[index : index + 1]))["predictions"][0]
        assert together[index]["class"] == alone["class"]
        assert together[index]["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)
