"""Inputs of different length over HTTP: a real transformer, the real application."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from plimsoll.application import Application
from plimsoll.settings import load_settings

from tests.doubles import masked_transformer as models
from tests.doubles.masked_transformer import PADDING, MaskedTransformer, make_transformer_bundle, transformer, words
from tests.integration.conftest import running

KINDS = (models.MaskedTransformer, models.UnmaskedMean)
PREDICT = "/v1/models/translator/predict"


def application(folder: Path, **chosen: Any) -> Application:
    factories = ",".join(f"{models.__name__}:{kind.__name__}" for kind in KINDS)
    return Application(load_settings(models_dir=folder, factories=factories, **chosen))


def assert_answers(predictions: list[dict[str, Any]], rows: list[np.ndarray]) -> None:
    module = transformer(MaskedTransformer)
    assert len(predictions) == len(rows)
    for row, prediction in zip(rows, predictions, strict=True):
        ids = torch.from_numpy(row[None])
        with torch.inference_mode():
            scores, states = module(ids, torch.ones_like(ids))
        answer = {name: np.array(given) for name, given in prediction["outputs"].items()}
        assert answer["states"].shape == (len(row), models.WIDTH)
        assert np.allclose(answer["scores"], scores[0].numpy(), atol=1e-5, rtol=1e-4)
        assert np.allclose(answer["states"], states[0].numpy(), atol=1e-5, rtol=1e-4)


def body_of(rows: list[np.ndarray]) -> dict[str, Any]:
    if len(rows) == 1:
        return {"inputs": {"input_ids": rows[0].tolist()}}
    return {"instances": [{"input_ids": row.tolist()} for row in rows]}


async def metric(client: httpx.AsyncClient, name: str) -> float:
    text = (await client.get("/metrics")).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_rows_of_any_length_are_answered_as_alone_and_share_batches(tmp_path: Path) -> None:
    make_transformer_bundle(tmp_path)
    async with running(application(tmp_path)) as client:
        requests = [
            words(*lengths, seed=seed) for seed, lengths in enumerate([(5,), (6,), (128, 1), (7, 8), (40,)] * 4)
        ]
        replies = await asyncio.gather(*(client.post(PREDICT, json=body_of(rows)) for rows in requests))
        for rows, reply in zip(requests, replies, strict=True):
            assert reply.status_code == 200, reply.text
            assert_answers(reply.json()["predictions"], rows)
        labels = '{model="translator",version="1"'
        assert await metric(client, f"plimsoll_batch_size_count{labels}}}") < len(requests)
        places = sum(len(row) for rows in requests for row in rows)
        assert await metric(client, f'plimsoll_batch_elements_total{{kind="real",{labels[1:]}}}') == 2 * places
        assert await metric(client, f'plimsoll_batch_elements_total{{kind="padding",{labels[1:]}}}') > 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"input_ids": [1] * 129}, "the row is too long for this model: 'input_ids' has 129 places"),
        ({"input_ids": [1, 2], "attention_mask": [1]}, "the inputs 'input_ids' and 'attention_mask' of one row differ"),
        ({"input_ids": [1, 2], "attention_mask": [0, 0]}, "the mask 'attention_mask' marks every place as padding"),
        ({"attention_mask": [1, 1]}, "the input 'input_ids' is missing"),
        ({"input_ids": [50]}, "the number at position [0] of 'input_ids' is out of bounds"),
    ],
)
async def test_a_wrong_row_is_422_and_the_rest_of_its_request_is_not_computed(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    make_transformer_bundle(tmp_path)
    async with running(application(tmp_path)) as client:
        reply = await client.post(PREDICT, json={"instances": [{"input_ids": [1]}, row]})
        assert reply.status_code == 422
        error = reply.json()["error"]
        assert error["message"].startswith(message)
        assert error["index"] == 1
        assert error["expected"]
        assert (await client.post(PREDICT, json={"inputs": {"input_ids": [1, 2, 3]}})).status_code == 200


@pytest.mark.parametrize("bound", [{"setting": 1000}, {"bundle": 500}])
async def test_a_request_of_many_rows_runs_in_parts_that_are_within_the_bounds(
    tmp_path: Path, bound: dict[str, int]
) -> None:
    options = {**PADDING, "batch_places": bound["bundle"]} if "bundle" in bound else PADDING
    make_transformer_bundle(tmp_path, options={"padding": options})
    async with running(application(tmp_path, max_batch_elements=bound.get("setting", 1 << 18))) as client:
        rows = words(128, 1, 100, 9, 128, 3, 65, 128, 2, 128, 30)
        assert_answers((await client.post(PREDICT, json=body_of(rows))).json()["predictions"], rows)
        batches = await metric(client, 'plimsoll_batch_size_count{model="translator",version="1"}')
        small = await metric(client, 'plimsoll_batch_size_bucket{le="4.0",model="translator",version="1"}')
        assert batches == small == 4  # twice 3 rows of 128 places, 2 of 32, 3 of 8


async def test_the_document_needs_no_mask_and_its_examples_are_answered(tmp_path: Path) -> None:
    make_transformer_bundle(tmp_path)
    async with running(application(tmp_path)) as client:
        components = (await client.get("/openapi.json")).json()["components"]
        one, many = components["requestBodies"]["translator.1"]["content"]["application/json"]["schema"]["oneOf"]
        assert one["properties"]["inputs"]["required"] == ["input_ids"]
        assert one["properties"]["inputs"]["properties"]["input_ids"]["maxItems"] == 128
        assert many["properties"]["instances"]["items"] == one["properties"]["inputs"]
        example = components["examples"]["translator.1.one-row"]["value"]
        assert len(example["inputs"]["input_ids"]) == 10
        reply = await client.post(PREDICT, json=example)
        assert (reply.status_code, len(reply.json()["predictions"][0]["outputs"]["states"])) == (200, 10)


async def test_a_model_that_looks_at_the_padding_is_not_served(tmp_path: Path) -> None:
    make_transformer_bundle(tmp_path, models.UnmaskedMean)
    async with running(application(tmp_path)) as client:
        assert (await client.post(PREDICT, json=body_of(words(3)))).status_code == 503
        (version,) = (await client.get("/v1/models")).json()["models"][0]["versions"]
        assert version["reason"].startswith("check 'padding' failed: golden row 0 cut or repeated to 5 places is ")


async def test_a_user_in_the_body_is_answered_by_a_version_that_pads_in_another_way(tmp_path: Path) -> None:
    make_transformer_bundle(tmp_path)
    make_transformer_bundle(tmp_path, version="2", options={"padding": {**PADDING, "lengths": [128]}})
    state = tmp_path / "state.yaml"
    state.write_text(
        "models:\n- name: translator\n  versions:\n  - {version: '1', weight: 50}\n  - {version: '2', weight: 50}\n"
    )
    async with running(application(tmp_path, desired_state=state)) as client:
        answered = set()
        for user in range(20):
            rows = words(3, 9, seed=user)
            reply = await client.post(PREDICT, json={**body_of(rows), "user": f"user-{user}"})
            assert reply.status_code == 200, reply.text
            assert_answers(reply.json()["predictions"], rows)
            answered.add(reply.json()["version"])
        assert answered == {"1", "2"}
        labels = 'model="translator",version="2"'
        real = await metric(client, f'plimsoll_batch_elements_total{{kind="real",{labels}}}')
        padding = await metric(client, f'plimsoll_batch_elements_total{{kind="padding",{labels}}}')
        assert padding == real / 24 * (2 * 2 * 128 - 24)
