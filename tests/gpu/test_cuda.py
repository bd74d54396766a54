"""What needs an NVIDIA GPU; everything else about devices is tested with doubles that raise what torch raises."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
import torch
from plimsoll.application import Application
from plimsoll.errors import OutOfDeviceMemory
from plimsoll.runtime.devices import device_memory
from plimsoll.runtime.pytorch.devices import resolve_device
from plimsoll.runtime.pytorch.torch_model import TorchModel
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.doubles.models import flat_signature
from tests.integration.conftest import running

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="gpu: needs an NVIDIA GPU and torch's CUDA build"),
]


async def test_a_bundle_is_served_from_the_gpu_and_its_memory_is_told(make_tiny_bundle: MakeBundle) -> None:
    folder = make_tiny_bundle().path.parents[1]
    async with running(Application(load_settings(models_dir=folder, device="auto"))) as client:
        reply: httpx.Response = await client.post("/v1/predict", json={"features": [0.1, 0.2, 0.3, 0.4]})
        assert reply.status_code == 200
        assert (await client.get("/v1/models/tiny/versions/1")).json()["device"] == "cuda:0"
        devices = (await client.get("/v1/health/detailed")).json()["devices"]
        assert devices[0]["device"] == "cuda:0"
        assert 0 < devices[0]["used_bytes"] <= devices[0]["total_bytes"]
        assert 'plimsoll_gpu_memory_bytes{device="cuda:0",state="used"}' in (await client.get("/metrics")).text


def test_batches_for_the_gpu_are_page_locked() -> None:
    model = TorchModel(lambda rows: rows, flat_signature(4), resolve_device("cuda:0"), 0)
    assert torch.from_numpy(model.new_batch(8)["x"]).is_pinned()


def test_a_batch_beyond_the_memory_is_halved_and_a_row_beyond_it_is_507_and_memory_comes_back() -> None:
    device = resolve_device("cuda:0")
    _, _, total = device_memory()[0]

    def hungry(rows: torch.Tensor) -> torch.Tensor:
        """Takes two fifths of the whole memory for every row."""
        return rows + torch.zeros(len(rows), int(total * 0.4), dtype=torch.uint8, device=rows.device)[:, :1]

    model = TorchModel(hungry, flat_signature(1), device, 0)
    numbers = np.arange(5, dtype=np.float32).reshape(5, 1)
    assert np.array_equal(model.run({"x": numbers})["y"], numbers)

    def greedy(rows: torch.Tensor) -> torch.Tensor:
        return rows + torch.zeros(total * 2, dtype=torch.uint8, device=rows.device)[:1]

    with pytest.raises(OutOfDeviceMemory):
        TorchModel(greedy, flat_signature(1), device, 0).run({"x": numbers})
    assert device_memory()[0][1] < total // 2, "what was taken is given back"
