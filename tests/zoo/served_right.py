"""The list of the models that misbehave and are served right, and what each should answer."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tests.zoo.served_right_models import (
    Cancels,
    ChangesDatatype,
    ClosesGenerators,
    DropsRows,
    Exits,
    GivesNan,
    Good,
    HandsItsInputOn,
    IdsFromOne,
    InPlace,
    Interrupts,
    KeepsItsInput,
    ListedBuffer,
    LosesADimension,
    Masked,
    Panics,
    Raises,
    RaisesTheUnprintable,
    ReusedBuffer,
    Row,
    RunsOut,
    SlowOnRealRows,
    Transposed,
)

KINDS: dict[str, type[Good]] = {
    "good": Good,
    "in-place": InPlace,
    "reused-buffer": ReusedBuffer,
    "listed-buffer": ListedBuffer,
    "transposed": Transposed,
    "hands-its-input-on": HandsItsInputOn,
    "keeps-its-input": KeepsItsInput,
    "raises": Raises,
    "exits": Exits,
    "panics": Panics,
    "closes-generators": ClosesGenerators,
    "interrupts": Interrupts,
    "cancels": Cancels,
    "runs-out": RunsOut,
    "raises-the-unprintable": RaisesTheUnprintable,
    "gives-nan": GivesNan,
    "drops-rows": DropsRows,
    "changes-datatype": ChangesDatatype,
    "loses-a-dimension": LosesADimension,
    "slow-on-real-rows": SlowOnRealRows,
    "masked": Masked,
    "ids-from-1": IdsFromOne,
}


def make(kind: str, *, plain: bool = False) -> Good:
    """The factory of every bundle of the zoo. A `plain` model answers by `scores`, without its habit."""
    model = KINDS[kind]()
    if plain:
        model.forward = model.scores  # type: ignore[method-assign]
    return model


def answers(model: Good, rows: Sequence[Row]) -> list[Row]:
    """What the model should answer to rows, each of them computed alone."""
    with torch.inference_mode():
        return [model.scores(torch.tensor([row], dtype=torch.float32))[0].tolist() for row in rows]
