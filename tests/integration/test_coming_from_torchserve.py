"""docs/coming-from-torchserve.md, run as it stands with an archive that torch-model-archiver could have written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch
from plimsoll.bundle.folder import open_bundle

from tests.doubles.brought_modules import UintImages
from tests.doubles.own_model import run_block
from tests.doubles.torchserve import CODE, make_mar, saved

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from-torchserve.md").read_text(encoding="utf-8")
TAKE_OUT, CREATE = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
FLOWERS = ["daisy", "iris", "lily", "rose", "tulip"]


def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    module = UintImages()
    make_mar(
        tmp_path / "flowers.mar",
        {
            "net.pt": saved(module.state_dict()),
            "model.py": CODE,
            "index_to_name.json": json.dumps(dict(enumerate(FLOWERS))),
        },
        modelName="flowers", modelFile="model.py", handler="image_classifier",
    )  # fmt: skip
    printed = run_block(TAKE_OUT, tmp_path)
    assert "image_classifier, built into TorchServe" in printed
    assert "plimsoll bundle create --name flowers --version 1.0" in printed
    assert "--weights flowers/weights.safetensors" in printed
    assert json.loads((tmp_path / "flowers" / "labels.json").read_text()) == FLOWERS
    (tmp_path / "flowernet.py").write_text("from tests.doubles.brought_modules import UintImages as FlowerNet\n")
    np.save(tmp_path / "images.npy", torch.randint(0, 256, (4, 9, 7, 3)).to(torch.uint8).numpy())
    repository = Path(__file__).parents[2]
    assert "ok   warm-up" in run_block(f"export PYTHONPATH=$PYTHONPATH:{repository}\n{CREATE}", tmp_path)
    (output,) = open_bundle(tmp_path / "models" / "flowers" / "1.0").manifest.signature.outputs
    assert output.name == "probabilities"
