"""The addresses of a server, and its answers to plain requests, with which those of the clients are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from tests.integration.served_process import ServedProcess

PLACE = np.array([3, 9])
MEASURED = np.array([[0.5, -1], [2, 0.1]], np.float32)
"""Two rows for the model `places`."""
PIXELS = np.random.default_rng(7).random((3, 784), dtype=np.float32)
"""Three rows for the model `digits`."""


def elements(values: list[bytes]) -> NDArray[Any]:
    """A tensor of BYTES."""
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array


@dataclass(frozen=True)
class Served:
    """A server that answers at this URL; `process` is the one of which it is a port."""

    url: str
    process: ServedProcess

    @property
    def grpc(self) -> str:
        """Its address for gRPC."""
        return ":".join(self.process.wait_for_log(r"gRPC on (\S+) port (\d+)").groups())

    @property
    def address(self) -> str:
        """Its host and port for HTTP."""
        return self.url.removeprefix("http://")

    def at(self, way: str) -> str:
        """The address for one of the ways of `programs.triton`."""
        return self.grpc if way.startswith("grpc") else self.address

    def predictions(self, model: str, rows: list[Any]) -> list[Any]:
        """The predictions of /v1."""
        reply = httpx.post(f"{self.url}/v1/models/{model}/predict", json={"instances": rows}, timeout=30)
        assert reply.status_code == httpx.codes.OK, reply.text
        found: list[Any] = reply.json()["predictions"]
        return found

    def places(self) -> dict[str, NDArray[Any]]:
        """The outputs for the rows of `places`, as /v1 gives them."""
        rows = [{"place": int(PLACE[row]), "measured": MEASURED[row].tolist()} for row in range(len(PLACE))]
        found = [each["outputs"] for each in self.predictions("places", rows)]
        return {
            "scores": np.array([each["scores"] for each in found], np.float32),
            "best": np.array([each["best"] for each in found]),
        }

    def probabilities(self) -> NDArray[Any]:
        """The probabilities of the rows of `digits`, as /v1 gives them."""
        found = self.predictions("digits", PIXELS.tolist())
        return np.array([each["probabilities"] for each in found], np.float32)

    def sentence(self, method: str, path: str, **options: Any) -> str:
        """The sentence of an error under /v2."""
        found: str = httpx.request(method, f"{self.url}{path}", timeout=30, **options).json()["error"]
        assert found
        return found
