"""Write the example pictures, and the one of boxes in docs/pictures.md: `python -m training.picture_examples`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden_requests import predictions_of
from plimsoll.bundle.task_files import listed_files
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.tasks import bind_task

from training.example_bundle import MODELS
from training.fashion_mnist import NAMES
from training.mnist_digits import SIDE, Digits
from training.picture_bundles import base64_of, png
from training.scene_canvas import Scene, SceneMaker, enlarged

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples" / "pictures"
DRAWN = HERE.parent / "docs" / "pictures" / "boxes.png"
GARMENT = "Bag"
_SCENE_SEED, _TIMES, _LARGER = 40, 3, 2
_COLOURS = ("#ff5a5f", "#3ddc97", "#4da3ff", "#ffd23f", "#c77dff", "#ff9f1c")


def held_out(file: Path) -> Digits:
    """The pictures of a file, which no model has seen."""
    with np.load(file, allow_pickle=False) as archive:
        return Digits(archive["pixels"], archive["labels"])


def example_scene() -> Scene:
    """A scene of held-out digits and garments, three times as large as the model takes it."""
    maker = SceneMaker(held_out(HERE / "digits-heldout.npz"), held_out(HERE / "heldout" / "garments.npz"), _SCENE_SEED)
    (scene,) = enlarged(maker.scenes(4)[-1:], _TIMES)
    return scene


def detected(content: bytes) -> list[Any]:
    """The objects that the scenes model finds in a picture."""
    bundle = open_bundle(MODELS / "scenes" / "1")
    task = bind_task(bundle.manifest, listed_files(bundle.manifest, bundle.read))
    model = new_loader(LoaderOptions(threads=1), max_batch_rows=1, inline_budget_seconds=0).load(bundle)
    (prediction,) = predictions_of(json.dumps({"image": base64_of(content)}).encode(), model, task)
    objects: list[Any] = prediction["objects"]
    return objects


def drawn(picture: Image.Image, objects: list[Any]) -> Image.Image:
    """The picture, enlarged, with the box and the name of each object."""
    canvas = picture.convert("RGB").resize((picture.width * _LARGER, picture.height * _LARGER))
    brush, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    for place, each in enumerate(objects):
        colour = _COLOURS[place % len(_COLOURS)]
        left, top, right, bottom = (side * _LARGER for side in each["box"])
        brush.rectangle((left, top, right, bottom), outline=colour, width=3)
        text = f"{each['class']} {each['confidence']:.2f}"
        above = top - 20 if top > 20 else bottom + 3  # noqa: PLR2004  # the height of the name
        start = min(left, canvas.width - brush.textlength(text, font))
        brush.text((start, above), text, fill=colour, font=font)
    return canvas


def main() -> None:
    """Write them."""
    EXAMPLES.mkdir(exist_ok=True)
    garments = held_out(HERE / "heldout" / "garments.npz")
    row = int(np.flatnonzero(garments.labels == NAMES.index(GARMENT))[0])
    garment = Image.fromarray(garments.pixels[row].reshape(SIDE, SIDE))
    (EXAMPLES / "bag.png").write_bytes(png(garment))
    scene = png(Image.fromarray(example_scene().pixels))
    (EXAMPLES / "scene.png").write_bytes(scene)
    objects = detected(scene)
    print(json.dumps({"objects": objects}))
    DRAWN.write_bytes(png(drawn(Image.fromarray(example_scene().pixels), objects)))


if __name__ == "__main__":
    main()
