"""Batches of texts of about one length, and the loop that trains a network on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Schedule:
    """The way in which a network is trained."""

    epochs: int
    batch: int
    rate: float
    seed: int = 0


Noise = Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.int64]]
"""Changes some ids of a batch, so that a network learns not to rely on single tokens; it leaves padding alone."""


def padded(rows: Sequence[Sequence[int]], fill: int = 0) -> NDArray[np.int64]:
    """The rows in one array, filled up to the longest."""
    made = np.full((len(rows), max(map(len, rows))), fill, np.int64)
    for place, row in enumerate(rows):
        made[place, : len(row)] = row
    return made


def ids_and_mask(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The inputs of a network for rows of token ids."""
    mask = padded([[1] * len(row) for row in rows])
    return torch.from_numpy(padded(rows)), torch.from_numpy(mask)


def batches(rows: Sequence[Sequence[int]], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """The places of rows of about one length in each batch, in any order."""
    order = np.argsort([len(row) + 4 * rng.random() for row in rows])
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    for part in rng.permutation(len(parts)):
        yield parts[part]


def train(
    network: nn.Module,
    rows: Sequence[Sequence[int]],
    loss_of: Callable[[Tensor, Tensor, NDArray[np.intp]], Tensor],
    schedule: Schedule,
    noise: Noise,
) -> None:
    """Train in place. `loss_of` is given ids, mask and the places of the rows."""
    rng = np.random.default_rng(schedule.seed)
    steps = schedule.epochs * -(-len(rows) // schedule.batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=0.01)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    network.train()
    for epoch in range(schedule.epochs):
        total = 0.0
        for places in batches(rows, schedule.batch, rng):
            ids, mask = ids_and_mask([rows[place] for place in places])
            noisy = np.where(mask.numpy() == 1, noise(ids.numpy(), rng), ids.numpy())
            optimiser.zero_grad()
            loss = loss_of(torch.from_numpy(noisy), mask, places)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            falling.step()
            total += float(loss.detach()) * len(places)
        print(f"epoch {epoch + 1} of {schedule.epochs}: loss {total / len(rows):.4f}", flush=True)
    network.eval()


def outputs_of(network: nn.Module, rows: Sequence[Sequence[int]], size: int = 64) -> list[NDArray[Any]]:
    """The output of a trained network for each row, in their order and as long as the row."""
    outputs: list[NDArray[Any]] = []
    with torch.inference_mode():
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            given = network(*ids_and_mask(part)).numpy()
            outputs += [each[: len(row)] if each.ndim > 1 else each for each, row in zip(given, part, strict=True)]
    return outputs
