"""Train the garments model, measure it and write it out: `python -m training.garments`."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from training.fashion_mnist import DEVIATION, MEAN, NAMES, held_out_rows, load_garments
from training.mnist_digits import Digits
from training.packages import DataError
from training.picture_bundles import Card, publish
from training.statistics import Proportion, proportion

HERE = Path(__file__).parent
DATA = HERE / "data"
HELD_OUT_FILE = HERE / "heldout" / "garments.npz"
WEIGHTS = DATA / "garments.safetensors"
HELD_OUT_PER_CLASS = 100
SIDE = 28
SEED = 26
EPOCHS = 8
BATCH = 128
LEARNING_RATE = 4e-3
MOST_SHIFT = 2
GOLDEN_ROWS = 32
DESCRIPTION = (
    "Names the garment in a picture: one of ten kinds, light on black, as in Fashion-MNIST. It learned from 60 000 "
    "small grey pictures of a web shop. It is not good for photographs of people, for several garments in one picture, "
    "for dark garments on light ground, or for anything that is no garment: it always names one of the ten. It often "
    "takes shirts for T-shirts, pullovers and coats."
)


class GarmentsCnn(nn.Module):
    """Three convolutions with batch norm and two linear layers; takes standardised pixels, [rows, 1, 28, 28]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*_block(1, 24), *_block(24, 48), *_block(48, 96))
        self.head = nn.Sequential(
            nn.Dropout(0.25), nn.Linear(96 * 9, 128), nn.ReLU(), nn.Dropout(0.25), nn.Linear(128, len(NAMES))
        )

    def logits(self, pixels: Tensor) -> Tensor:
        """Unnormalised scores, shape [rows, 10]."""
        return self.head(self.features(pixels).flatten(1))  # type: ignore[no-any-return]

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities, shape [rows, 10]."""
        return torch.softmax(self.logits(pixels), dim=-1)


def _block(width_in: int, width_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(width_in, width_out, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(width_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]


def train(garments: Digits) -> GarmentsCnn:
    """A model in evaluation mode; the same machine and data give the same weights."""
    torch.manual_seed(SEED)
    shuffler = torch.Generator().manual_seed(SEED)
    model = GarmentsCnn().train()
    inputs, labels = standardised(garments.pixels), torch.from_numpy(garments.labels.astype(np.int64))
    steps = EPOCHS * -(-len(labels) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        started = time.perf_counter()
        order = torch.randperm(len(labels), generator=shuffler)
        for start in range(0, len(labels), BATCH):
            rows = order[start : start + BATCH]
            loss = functional.cross_entropy(
                model.logits(varied(inputs[rows], shuffler)), labels[rows], label_smoothing=0.05
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {float(loss.detach()):.3f}, {time.perf_counter() - started:.0f} s", flush=True)
    return model.eval()


def standardised(pixels: NDArray[np.uint8]) -> Tensor:
    """The pixels as the model takes them; the manifest's option `picture` says the same."""
    return ((torch.from_numpy(pixels.copy()).float() / 255 - MEAN) / DEVIATION).view(-1, 1, SIDE, SIDE)


def varied(batch: Tensor, generator: torch.Generator) -> Tensor:
    """The batch moved by up to 2 pixels, and half of the time mirrored."""
    if torch.rand(1, generator=generator) < 0.5:  # noqa: PLR2004
        batch = batch.flip(3)
    across, down = torch.randint(-MOST_SHIFT, MOST_SHIFT + 1, (2,), generator=generator).tolist()
    ground = float((0 - MEAN) / DEVIATION)
    padded = functional.pad(batch, [MOST_SHIFT] * 4, value=ground)
    return padded[:, :, MOST_SHIFT + down :, MOST_SHIFT + across :][:, :, :SIDE, :SIDE]


def right(model: nn.Module, garments: Digits) -> list[bool]:
    """Of each garment, whether the model names its class."""
    with torch.inference_mode():
        shares = [cast(Tensor, model(batch)) for batch in torch.split(standardised(garments.pixels), 1000)]
    return [bool(hit) for hit in torch.cat(shares).argmax(dim=1).numpy() == garments.labels]


def keep_held_out(garments: Digits, rows: NDArray[np.int32]) -> None:
    """Write the held-out set for tests, or check that the one written before is the same.

    Raises:
        DataError: the file holds another set.
    """
    chosen = garments.take(rows)
    if not HELD_OUT_FILE.exists():
        HELD_OUT_FILE.parent.mkdir(exist_ok=True)
        np.savez_compressed(HELD_OUT_FILE, pixels=chosen.pixels, labels=chosen.labels, indices=rows)
    with np.load(HELD_OUT_FILE, allow_pickle=False) as kept:
        if not np.array_equal(kept["pixels"], chosen.pixels) or not np.array_equal(kept["labels"], chosen.labels):
            raise DataError(f"{HELD_OUT_FILE} holds another held-out set than this code chooses")


def card_of(all_of_test: Proportion, held_out: Proportion, garments: Digits) -> Card:
    """What the manifest says; golden samples and requests are garments of the training part."""
    pictures = [Image.fromarray(row.reshape(SIDE, SIDE)) for row in garments.pixels[:4]]
    return Card(
        name="garments",
        task="image-classification",
        labels=NAMES,
        golden=standardised(garments.pixels[:GOLDEN_ROWS]).numpy(),
        requests=[pictures[0], _on_a_tall_canvas(pictures[1]), pictures[2], _transparent(pictures[3])],
        about={
            "description": DESCRIPTION,
            "options": {
                "picture": {
                    "width": SIDE, "height": SIDE, "channels": "L", "resize": "fit", "filter": "bilinear",
                    "layout": "NCHW", "datatype": "FP32", "mean": [MEAN], "std": [DEVIATION],
                },
                "top": 3,
            },
            "training_data": {
                "name": "Fashion-MNIST",
                "source": "Debian package dataset-fashion-mnist 0.0~git20200523.55506a9-1",
                "licence": "MIT",
                "rows": len(garments.labels),
            },
            "metrics": {"accuracy": asdict(all_of_test), "accuracy_of_1000": asdict(held_out)},
        },
    )  # fmt: skip


def _on_a_tall_canvas(garment: Image.Image) -> Image.Image:
    """A coloured picture of other proportions, so that the rule of resizing decides the answer."""
    canvas = Image.new("RGB", (84, 140))
    canvas.paste(garment.resize((84, 84), Image.Resampling.NEAREST).convert("RGB"), (0, 28))
    return canvas


def _transparent(garment: Image.Image) -> Image.Image:
    """White where the garment is, and transparent elsewhere."""
    picture = Image.new("LA", garment.size, (255, 0))
    picture.putalpha(garment)
    return picture


def main() -> None:
    """Train on the official training part, measure on the official test part, and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-weights", action="store_true", help="write the bundle of the weights of the last run")
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 -- torch takes it by position only
    torch.set_num_threads(1)
    train_part, test_part = load_garments(DATA)
    if parser.parse_args().keep_weights:
        model = GarmentsCnn().eval()
        model.load_state_dict(load_file(WEIGHTS))
    else:
        model = train(train_part)
        save_file(model.state_dict(), WEIGHTS)
    rows = held_out_rows(test_part, HELD_OUT_PER_CLASS)
    keep_held_out(test_part, rows)
    accuracy = proportion(right(model, test_part))
    held_out = proportion(right(model, test_part.take(rows)))
    print(f"official test part: {accuracy}; those kept for tests: {held_out}")
    publish(card_of(accuracy, held_out, train_part), model)


if __name__ == "__main__":
    main()
