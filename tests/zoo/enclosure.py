"""The bundles of the zoo, and a server of them all."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.torch import save

from tests.doubles.bundles import rewrite_manifest
from tests.doubles.torch_bundles import make_torch_bundle
from tests.integration.served_process import ServedProcess
from tests.zoo.served_right import KINDS, make
from tests.zoo.served_right_models import Good

_FACTORY = "tests.zoo.served_right:make"
_REPOSITORY = Path(__file__).parents[2]
_GOLDEN_ROWS = 5


class Enclosure:
    """A folder with a bundle of each kind, and the process that serves them all."""

    def __init__(self, folder: Path, kinds: Iterable[str] = KINDS) -> None:
        self.models = {kind: make_zoo_bundle(folder / "models", kind) for kind in kinds}
        """Each model as it was bundled, to compute by itself what it should answer."""
        self._desired_state = folder / "desired-state.yaml"
        self._generations = dict.fromkeys(self.models, 0)
        self._process = ServedProcess(folder / "models")
        self._desire()

    def start(self, **environment: str) -> str:
        """Start the server; its URL, once every model is ready."""
        self._process.start(
            PLIMSOLL_FACTORIES=_FACTORY,
            PLIMSOLL_DESIRED_STATE=str(self._desired_state),
            PYTHONPATH=str(_REPOSITORY),
            **environment,
        )
        return self._process.ready()

    def reload(self, kind: str) -> None:
        """Have the server load a model again, and serve it in the place of the one that it has."""
        self._generations[kind] += 1
        self._desire()

    def reloads(self) -> int:
        """How often the server has loaded a model again."""
        return self._process.log().count(" is ready on ") - len(self.models)

    def log(self) -> str:
        """What the server has logged."""
        return self._process.log()

    def stop(self) -> None:
        """End the server."""
        self._process.kill()

    def _desire(self) -> None:
        models = [
            f'{{name: {kind}, versions: [{{version: "1", generation: {generation}}}]}}'
            for kind, generation in self._generations.items()
        ]
        draft = self._desired_state.with_suffix(".draft")
        draft.write_text(f"models: [{', '.join(models)}]")
        draft.replace(self._desired_state)


def make_zoo_bundle(folder: Path, kind: str) -> Good:
    """Write the bundle of a kind. Its golden samples are made by the plain model, whose weights it has."""
    seed = zlib.crc32(kind.encode())
    torch.manual_seed(seed)
    model = make(kind)
    bundle = make_torch_bundle(
        folder,
        name=kind,
        version="1",
        factory=_FACTORY,
        parameters={"kind": kind, "plain": True},
        weights=save(model.state_dict()),
        example=np.array(model.golden(Random(seed), _GOLDEN_ROWS), np.float32),  # noqa: S311  # not for secrets
        labels=["a", "b", "c", "d"],
        minimum=model.minimum,
    )
    rewrite_manifest(bundle, lambda fields: fields["model"].update(parameters={"kind": kind}))
    return model
