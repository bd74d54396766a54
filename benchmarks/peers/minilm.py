"""MiniLM on the threads of a peer, and as the module of a bundle: token ids to a vector of length 1."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from training.minilm_encoder import MiniLM


def encoder() -> nn.Module:
    """The factory that a bundle names."""
    return MiniLM()


class Encoder:
    """The weights of `BENCH_WEIGHTS` on one thread; a batch of texts is padded to the longest of them."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._module = MiniLM().eval()
        self._module.load_state_dict(load_file(os.environ["BENCH_WEIGHTS"]))

    def __call__(self, texts: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """The vectors of texts, [texts, 384]."""
        longest = max(map(len, texts))
        ids, mask = (np.zeros((len(texts), longest), np.int64) for _ in range(2))
        for row, text in enumerate(texts):
            ids[row, : len(text)], mask[row, : len(text)] = text, 1
        with torch.inference_mode():
            return self._module(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()  # type: ignore[no-any-return]
