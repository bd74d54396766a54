"""Bundles of the zoo's models, loaded as a server loads them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.pytorch.module_building import build_with_factory
from plimsoll.runtime.warmup import batch_sizes_up_to
from safetensors.torch import save

from tests.doubles.torch_bundles import make_torch_bundle
from tests.zoo.never_refused_models import Scores


def bundle_of(folder: Path, module: str, kind: str) -> Bundle:
    """The bundle of a kind, whose factory is `make` of that module."""
    factory = f"tests.zoo.{module}:make"
    seed = zlib.crc32(kind.encode())
    torch.manual_seed(seed)
    model = build_with_factory(factory, {"kind": kind}, [factory]).eval()
    assert isinstance(model, Scores)
    return make_torch_bundle(
        folder,
        name=kind,
        version="1",
        factory=factory,
        parameters={"kind": kind},
        weights=save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}),
        example=model.example(np.random.default_rng(seed)),
        minimum=model.minimum,
        maximum=model.maximum,
    )


def load(bundle: Bundle, batch_sizes: Sequence[int] = (1, 128)) -> None:
    """Open, load, prove and warm a bundle; raises what a server would refuse it with."""
    factory = getattr(bundle.manifest.model, "factory", None)
    loader = ModelLoader(
        LoaderOptions(factories=[factory] if factory else []), batch_sizes=batch_sizes, inline_budget_seconds=0.001
    )
    bundle.verify_files()
    model = loader.load(bundle)
    loader.warm(model, loader.prove(bundle, model))


ALL_SIZES = batch_sizes_up_to(128)
