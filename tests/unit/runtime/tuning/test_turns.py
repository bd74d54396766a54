from __future__ import annotations

import numpy as np
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.tuning.turns import measure_by_turns, spread_of

from tests.conftest import MakeBundle


def test_every_model_has_every_turn_of_every_size(make_tiny_bundle: MakeBundle) -> None:
    loader = new_loader(LoaderOptions(threads=1), max_batch_rows=4, inline_budget_seconds=0.001)
    bundle = make_tiny_bundle()
    models = {"one": loader.load(bundle), "other": loader.load(bundle)}
    loader.warm(models["one"], loader.prove(bundle, models["one"]))
    progress: list[tuple[int, int]] = []
    found = measure_by_turns(
        models, {"input": np.ones((2, 4), np.float32)}, [1, 3], 2, lambda done, of: progress.append((done, of))
    )
    assert {name: {rows: len(turns) for rows, turns in each.items()} for name, each in found.items()} == {
        "one": {1: 2, 3: 2},
        "other": {1: 2, 3: 2},
    }
    assert progress == [(done, 8) for done in range(1, 9)]


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    assert spread_of([4.0, 1.0, 2.0, 3.0, 100.0]) == (3.0, 2.0, 4.0)
