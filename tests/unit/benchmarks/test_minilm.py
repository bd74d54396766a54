"""The sentence encoder of the bench: padding and neighbours change nothing, and vectors have the length 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks.peers.minilm import Encoder
from training.minilm_encoder import WIDTH, MiniLM


def test_a_text_gets_the_same_vector_alone_and_beside_a_longer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    save_file(MiniLM().state_dict(), tmp_path / "weights.safetensors")
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights.safetensors"))
    threads = torch.get_num_threads()
    model = Encoder()
    torch.set_num_threads(threads)  # as the tests that follow expect
    short, long = np.arange(101, 106), np.arange(2000, 2040)
    alone, together = model([short]), model([short, long])
    assert alone.shape == (1, WIDTH)
    assert np.linalg.norm(together, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert together[0] == pytest.approx(alone[0], abs=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-2
