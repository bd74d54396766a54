"""The metric of answered classes is what clients saw, whatever protocol they used."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator

import grpc
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from plimsoll.rpc.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from websockets.sync.client import connect

from tests.integration.served_process import ServedProcess

METHOD = "/inference.GRPCInferenceService/ModelInfer"
LABELS = [str(digit) for digit in range(10)]
Rows = NDArray[np.float32]
Ask = Callable[[Rows], list[str]]
"""Sends rows, and returns the label of each as the client saw it."""


class Client:
    """Asks one server by every protocol that it speaks; `rpc` is the address of gRPC."""

    def __init__(self, http: httpx.Client, session: str, rpc: str | None) -> None:
        self._http = http
        self._session = session
        self._rpc = rpc

    def ways(self) -> dict[str, Ask]:
        """Every way to ask, by name."""
        ways: dict[str, Ask] = {
            "v1": lambda rows: self._v1("/v1/predict", rows),
            "one row": lambda rows: [label for row in rows for label in self._one(row)],
            "csv": self._csv,
            "kserve": lambda rows: self._v1("/v1/models/digits:predict", rows),
            "v2": self._v2,
            "stream": self._stream,
            "session": self._message,
        }
        return ways if self._rpc is None else ways | {"grpc": self._grpc}

    def _v1(self, path: str, rows: Rows) -> list[str]:
        return _labels(self._http.post(path, json={"instances": rows.tolist()}).json()["predictions"])

    def _one(self, row: Rows) -> list[str]:
        return _labels(self._http.post("/v1/predict", json={"features": row.tolist()}).json()["predictions"])

    def _csv(self, rows: Rows) -> list[str]:
        lines = "\n".join(",".join(map(str, row)) for row in rows.tolist())
        _, *answers = self._http.post("/v1/predict", content=lines, headers={"content-type": "text/csv"}).text.split()
        return [answer.partition(",")[0] for answer in answers]

    def _v2(self, rows: Rows) -> list[str]:
        tensor = {"name": "pixels", "datatype": "FP32", "shape": rows.shape, "data": rows.reshape(-1).tolist()}
        (output,) = self._http.post("/v2/models/digits/infer", json={"inputs": [tensor]}).json()["outputs"]
        return _best(np.array(output["data"]).reshape(output["shape"]))

    def _grpc(self, rows: Rows) -> list[str]:
        tensor = ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=rows.shape)
        request = ModelInferRequest(model_name="digits", inputs=[tensor], raw_input_contents=[rows.tobytes()])
        assert self._rpc is not None
        with grpc.insecure_channel(self._rpc) as channel:
            infer = channel.unary_unary(METHOD, ModelInferRequest.SerializeToString, ModelInferResponse.FromString)
            answer = infer(request, timeout=20)
        return _best(np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(len(rows), -1))

    def _stream(self, rows: Rows) -> list[str]:
        headers = {"accept": "text/event-stream"}
        text = self._http.post("/v1/predict", json={"instances": rows.tolist()}, headers=headers).text
        return _labels([json.loads(data)["prediction"] for data in re.findall(r"event: prediction\ndata: (.*)", text)])

    def _message(self, rows: Rows) -> list[str]:
        with connect(self._session) as session:
            session.send(json.dumps({"id": 1, "instances": rows.tolist()}))
            return _labels(json.loads(session.recv(timeout=20))["predictions"])


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def served(process: ServedProcess, request: pytest.FixtureRequest) -> Iterator[tuple[ServedProcess, Client]]:
    """A server with a response cache, and a client of it; several workers have no gRPC."""
    alone = request.param == 1
    environment = {"PLIMSOLL_GRPC_PORT": "0"} if alone else {}
    process.start("--workers", str(request.param), PLIMSOLL_CACHE_BYTES=str(1 << 20), **environment)
    url = process.ready()
    rpc = process.wait_for_log(r"gRPC on ([0-9.]+) port (\d+)").expand(r"\1:\2") if alone else None
    with httpx.Client(base_url=url, timeout=20) as http:
        yield process, Client(http, f"{url.replace('http', 'ws')}/v1/models/digits/session", rpc)


def test_counts_are_what_clients_saw_by_every_protocol_and_from_the_cache(
    served: tuple[ServedProcess, Client],
) -> None:
    process, client = served
    chance = np.random.default_rng(0)
    assert predictions(process.url) == dict.fromkeys(LABELS, 0.0), "warm-up and golden samples do not count"
    seen = Counter[str]()
    for number, (name, ask) in enumerate(client.ways().items()):
        rows = chance.random((3 + number, 784), dtype=np.float32).round(2) * (chance.random((3 + number, 784)) > 0.8)
        for _ in range(2):  # the second answer comes from the cache, unless another worker gives it
            labels = ask(rows.astype(np.float32))
            assert len(labels) == len(rows), name
            seen.update(labels)
    for wrong in ([0.0] * 783, [2.0] * 784):
        assert httpx.post(process.url + "/v1/predict", json={"features": wrong}).status_code == 422
    assert len(seen) > 1
    process.wait_for(lambda: Counter(predictions(process.url)) == seen, f"the counts {seen}")
    hits = re.search(r'cache_lookups_total\{.*result="hit".*\} (\S+)', httpx.get(process.url + "/metrics").text)
    assert hits
    assert float(hits[1]) > 0


def predictions(url: str) -> dict[str, float]:
    """The counts of the newest version by label."""
    found = re.findall(
        r'^plimsoll_predictions_total\{class="(\d)",model="digits",version="2"\} (\S+)$',
        httpx.get(url + "/metrics").text,
        re.MULTILINE,
    )
    return {label: float(count) for label, count in found}


def _labels(answers: list[dict[str, object]]) -> list[str]:
    return [str(answer["class"]) for answer in answers]


def _best(scores: NDArray[np.floating]) -> list[str]:
    return [LABELS[best] for best in scores.argmax(axis=1)]
