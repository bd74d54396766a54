from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.next_version import next_fields
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.pytorch.bfloat16 import compute_in_bfloat16
from plimsoll.runtime.pytorch.onnx_export import export_graph
from torch import nn

from tests.conftest import MakeBundle

ROWS = np.random.default_rng(0).random((5, 4), np.float32)


def test_products_are_rounded_and_what_comes_between_is_not() -> None:
    torch.manual_seed(0)
    exact = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64), nn.Linear(64, 3), nn.Softmax(-1)).eval()
    rows = torch.rand(5, 64)
    with torch.inference_mode():
        expected = exact(rows)
        compute_in_bfloat16(exact)
        given = exact(rows)
    assert [each.dtype for each in exact.parameters()] == [
        torch.bfloat16, torch.bfloat16, torch.float32, torch.float32, torch.bfloat16, torch.bfloat16,
    ]  # fmt: skip
    assert given.dtype == torch.float32
    assert torch.allclose(given.sum(1), torch.ones(5))  # softmax is computed as before
    assert 0 < (given - expected).abs().max() < 0.02


def test_layers_of_another_datatype_stay_as_they_are() -> None:
    double = nn.Linear(4, 2).double()
    compute_in_bfloat16(double)
    assert double(torch.rand(3, 4, dtype=torch.float64)).dtype == torch.float64


def test_layers_whose_weights_other_parts_have_stay_as_they_are() -> None:
    words = nn.Embedding(6, 4)
    head = nn.Linear(4, 6, bias=False)
    head.weight = words.weight
    compute_in_bfloat16(nn.Sequential(words, head))
    assert words.weight.dtype == torch.float32


def test_an_encoder_of_torch_runs_in_bfloat16() -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    rows = torch.rand(2, 5, 16)
    with torch.inference_mode():
        expected = encoder(rows)
        compute_in_bfloat16(encoder)
        given = encoder(rows)
    assert encoder.linear1.weight.dtype == torch.bfloat16
    assert 0 < (given - expected).abs().max() < 0.05


def test_a_bundle_of_that_precision_answers_in_float32_and_is_not_exported(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = in_bfloat16(make_tiny_bundle(), tmp_path / "models")
    assert json.loads((bundle.path / "manifest.json").read_bytes())["schema_version"] == 3
    loader = ModelLoader(LoaderOptions(threads=1), batch_sizes=[1, 2, 4], inline_budget_seconds=0)
    model = loader.load(bundle)
    (answer,) = model.run({"input": ROWS}).values()
    assert (str(answer.dtype), answer.shape, model.parameters) == ("float32", (5, 3), 67)
    assert model.coarsest_rounding({"input": ROWS}) == 2.0**-7
    with pytest.raises(BundleError, match="it computes in bfloat16, which no graph says"):
        export_graph(bundle, {"input": ROWS}, ())


def in_bfloat16(bundle: Bundle, folder: Path) -> Bundle:
    """The same model in bfloat16, as the next version."""
    model = bundle.manifest.model.model_dump(mode="json", exclude_none=True) | {"precision": "bfloat16"}
    files = {name: bundle.read(name) for name in bundle.manifest.files}
    return write_bundle(folder, next_fields(bundle, "1.1", model, 3), files)
