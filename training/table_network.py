"""Small networks for rows of a table. They scale their inputs themselves, so that nothing else has to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class TableRecipe:
    """The sizes and the training of a network."""

    hidden: int
    dropout: float
    weight_decay: float
    epochs: int
    rate: float = 0.002
    batch: int = 128
    seed: int = 0


class TableNetwork(nn.Module):
    """Two hidden layers over scaled inputs; `rows` give the mean and the deviation of each input."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, rows: Rows, recipe: TableRecipe, outputs: int) -> None:
        super().__init__()
        deviation = rows.std(axis=0)
        self.register_buffer("mean", torch.from_numpy(rows.mean(axis=0)))
        self.register_buffer("deviation", torch.from_numpy(np.where(deviation > 0, deviation, 1)))
        self.layers = nn.Sequential(
            nn.Linear(rows.shape[1], recipe.hidden), nn.ReLU(), nn.Dropout(recipe.dropout),
            nn.Linear(recipe.hidden, recipe.hidden), nn.ReLU(), nn.Dropout(recipe.dropout),
            nn.Linear(recipe.hidden, outputs),
        )  # fmt: skip

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The outputs as the last layer gives them."""
        scaled: torch.Tensor = self.layers((rows - self.mean) / self.deviation)
        return scaled


class ClassShares(nn.Module):
    """The probability of each class, [rows, classes]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Shares that add up to 1."""
        return torch.softmax(self.network(rows), dim=1)


class MeanAndEnds(nn.Module):
    """A mean that is positive, and the ends of an interval around it, which never cross: [rows, 3]."""

    def __init__(self, network: nn.Module, scale: float) -> None:
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The mean, the lower end and the upper end."""
        outputs = self.network(rows)
        mean = nn.functional.softplus(outputs[:, 0:1]) * self.scale
        low = mean * torch.sigmoid(outputs[:, 1:2])
        high = mean + nn.functional.softplus(outputs[:, 2:3]) * self.scale
        return torch.cat((mean, low, high), dim=1)


def quantile_loss(quantile: float, answer: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The loss that is least where this share of the truth lies below the answer."""
    above = truth - answer
    return torch.maximum(quantile * above, (quantile - 1) * above).mean()


def fit(
    module: nn.Module,
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    recipe: TableRecipe,
    rows: Rows,
    truth: NDArray[np.float32],
) -> None:
    """Train a module in place; `loss_of` is given its outputs and the truth of some rows. Leaves it in mode `eval`."""
    inputs, targets = torch.from_numpy(rows), torch.from_numpy(truth)
    batches = len(rows) // recipe.batch
    optimiser = torch.optim.AdamW(module.parameters(), recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs * batches)
    order = torch.Generator().manual_seed(recipe.seed)
    module.train()
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(rows), generator=order)[: batches * recipe.batch].view(batches, -1):
            loss = loss_of(module(inputs[chosen]), targets[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    module.eval()


def answers(module: nn.Module, rows: Rows) -> Rows:
    """What a trained module answers."""
    with torch.no_grad():
        answered: Rows = module(torch.from_numpy(rows)).numpy()
    return answered
