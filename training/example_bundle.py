"""Writes a bundle of examples/models with its golden requests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.new_model import NewModel
from plimsoll.runtime.request_answers import with_requests
from plimsoll.tasks import bind_task

MODELS = Path(__file__).resolve().parents[1] / "examples" / "models"


def replace_bundle(recipe: Recipe, model: NewModel, bodies: Sequence[bytes]) -> Bundle:
    """Write a bundle in the place of an earlier run's, with a golden request for each of the JSON bodies."""
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        draft = make_bundle(Path(folder), recipe, model, check_task=bind_task)
        shutil.rmtree(MODELS / recipe.name / recipe.version, ignore_errors=True)
        one_thread = LoaderOptions("cpu", threads=1)
        made = with_requests(MODELS, draft, bodies, lambda each: bind_task(each.manifest, each.read), one_thread)
    size = sum(file.stat().st_size for file in made.path.iterdir())
    print(f"{made.path.relative_to(MODELS.parents[1])}: {size} bytes, digest {made.digest}")
    return made
