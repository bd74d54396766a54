"""A gigabyte of weights, from its file to an answer over HTTP that is torch's."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from plimsoll.application import Application
from plimsoll.cli.commands import app
from plimsoll.settings import load_settings
from safetensors.torch import save_file
from typer.testing import CliRunner

from tests.contracts.kinds import Proof, proven
from tests.doubles.servers import served

WORDS, WIDTH = 1_000_000, 272


class Words(torch.nn.Module):
    """The mean of the embeddings of the words of a row: a gigabyte, of which a row needs a few lines."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(WORDS, WIDTH)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        mean: torch.Tensor = self.words(ids).mean(1)
        return mean


@pytest.mark.timeout(900)
def test_a_gigabyte_of_weights_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    module = Words()
    save_file(module.state_dict(), "weights.safetensors")
    assert Path("weights.safetensors").stat().st_size > 1 << 30
    ids = np.random.default_rng(0).integers(0, WORDS, (4, 5))
    np.save("rows.npy", ids)
    factory = f"{__name__}:Words"
    command = [
        "bundle", "create", "--name=words", "--version=1", f"--factory={factory}", "--weights=weights.safetensors",
        "--example=rows.npy", "--input-name=ids", "--minimum=0", f"--maximum={WORDS - 1}",
    ]  # fmt: skip
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output or ran.exception
    path, body = "/v1/models/words/predict", {"inputs": {"ids": ids[0].tolist()}}
    settings = load_settings(models_dir=tmp_path / "models", factories=(factory,))
    with served(Application(settings).app, patience_seconds=300) as url:  # a busy machine reads a gigabyte slowly
        answer = httpx.post(url + path, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    with torch.inference_mode():
        expected = module(torch.from_numpy(ids[:1]))[0].numpy()
    (prediction,) = answer.json()["predictions"]
    given = prediction["outputs"]["output"]
    np.testing.assert_allclose(given, expected, atol=1e-5)
    proven("gigabyte", Proof([command], path, body, prediction, float(np.abs(given - expected).max())))
