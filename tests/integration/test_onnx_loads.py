"""ONNX bundles that cannot serve, in the real application: each fails alone, in time, and with its own sentence."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

from onnx import ModelProto
from plimsoll.application import Application
from plimsoll.settings import load_settings

from tests.doubles.onnx_bundles import ROWS, onnx_bundle
from tests.doubles.onnx_graphs import endless, folded_loop, idle_loop, relu, value, with_external_data
from tests.integration.conftest import running

CANNOT_SERVE: dict[str, tuple[ModelProto | bytes, str]] = {
    "2": (endless(), "it was still verifying after 2 s (PLIMSOLL_START_SECONDS), and was left behind"),
    "3": (folded_loop(), "it was still verifying after 2 s (PLIMSOLL_START_SECONDS), and was left behind"),
    "4": (
        idle_loop(),
        "model.onnx has a Loop or Scan whose body computes nothing, which could run for ever and could ",
    ),
    "5": (
        with_external_data("pipe"),
        "the numbers of tensor 'outside' are in another file, which model.onnx ",
    ),
    "6": (relu(opset=99), "model.onnx imports opset 99 of the domain 'ai.onnx', and ONNX Runtime "),
    "7": (relu(inputs=[value("x", shape=(5, 4))]), "the first dimension of input 'x' is fixed to 5 in "),
    "8": (b"\x80\x04pickled", "model.onnx is not an ONNX file"),
}
"""By version: a graph, and the beginning of the sentence that says why it is refused."""


async def test_graphs_that_cannot_serve_fail_alone(tmp_path: Path) -> None:
    os.mkfifo("pipe")  # to open it would wait for ever
    onnx_bundle(tmp_path, relu(), ROWS)
    for version, (graph, _) in CANNOT_SERVE.items():
        onnx_bundle(tmp_path, graph, ROWS, version=version)
    desired = tmp_path / "desired-state.yaml"
    versions = ", ".join(f'{{version: "{version}"}}' for version in ("1", *CANNOT_SERVE))
    desired.write_text(f"models:\n- name: graph\n  versions: [{versions}]\n")
    settings = load_settings(models_dir=tmp_path, desired_state=desired, start_seconds=2)
    async with running(Application(settings)) as client:
        reply = await client.post("/v1/models/graph/versions/1/predict", json={"inputs": {"x": [-1, 0, 1, 2]}})
        assert reply.status_code == 200, reply.text
        for version in CANNOT_SERVE:
            refused = await client.post(f"/v1/models/graph/versions/{version}/predict", json={"inputs": {"x": [0] * 4}})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "failed")
        versions_of = (await client.get("/v1/models/graph")).json()["versions"]
        reasons = {each["version"]: each["reason"] for each in versions_of if each["state"] == "failed"}
    assert reasons.keys() == CANNOT_SERVE.keys()
    for version, (_, sentence) in CANNOT_SERVE.items():
        assert sentence in reasons[version]
    deadline = time.monotonic() + 30
    while busy := [each for each in threading.enumerate() if each.name == "plimsoll-load"]:
        assert time.monotonic() < deadline, f"{len(busy)} runs go on after they were ended"
        await asyncio.sleep(0.05)
