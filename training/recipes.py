"""How each version is trained. The numbers were chosen on the validation split; see README.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, cast

import torch
from plimsoll.runtime.pytorch.module_building import build_architecture
from torch import Tensor, nn
from torch.nn import functional

from training.augment import Augmentation
from training.mnist_digits import Digits


class Classifier(Protocol):
    """What is trained here: a module that can give scores as well as probabilities."""

    def logits(self, pixels: Tensor) -> Tensor:
        """Unnormalised scores, shape [rows, classes]."""
        ...


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what weights come out, the data aside."""

    version: str
    architecture: str
    parameters: dict[str, int | list[int]]
    description: str
    epochs: int
    learning_rate: float
    schedule: Literal["constant", "cosine"] = "constant"
    augmentation: Augmentation | None = None
    batch: int = 64
    seed: int = 20


BASELINE = Recipe(
    version="1",
    architecture="digits-mlp",
    parameters={"sizes": [784, 256, 128, 10]},
    description="Handwritten digits, by a perceptron of three layers.",
    epochs=20,
    learning_rate=1e-3,
    augmentation=Augmentation(shift=1),
)
IMPROVED = Recipe(
    version="2",
    architecture="digits-cnn",
    parameters={"channels": [16, 32], "classes": 10},
    description="Handwritten digits, by a small convolutional network trained on distorted copies.",
    epochs=60,
    learning_rate=2e-3,
    schedule="cosine",
    augmentation=Augmentation(shift=2, degrees=15, scale=0.15, shear=0.25),
)
RECIPES = (BASELINE, IMPROVED)


def train(recipe: Recipe, digits: Digits) -> nn.Module:
    """A model trained by the recipe, in evaluation mode; the same machine and data give the same weights."""
    torch.manual_seed(recipe.seed)
    shuffler = torch.Generator().manual_seed(recipe.seed)
    model = build_architecture(recipe.architecture, recipe.parameters)
    scores = cast(Classifier, model).logits
    features, labels = torch.from_numpy(digits.features()), torch.from_numpy(digits.labels).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    decay = None
    if recipe.schedule == "cosine":
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs)
    model.train()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(labels), generator=shuffler)
        for start in range(0, len(labels), recipe.batch):
            rows = order[start : start + recipe.batch]
            pixels = features[rows]
            if recipe.augmentation is not None:
                pixels = recipe.augmentation.apply(pixels, shuffler)
            loss = functional.cross_entropy(scores(pixels), labels[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        if decay is not None:
            decay.step()
    return model.eval()


def probabilities(model: nn.Module, digits: Digits) -> Tensor:
    """What the model says of the digits, shape [rows, classes]."""
    with torch.inference_mode():
        return cast(Tensor, model(torch.from_numpy(digits.features())))
