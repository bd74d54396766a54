"""Good models are never refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.zoo.bundling import bundle_of, load
from tests.zoo.never_refused_models import KINDS


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many threads for one forward pass."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_whose_rows_are_independent_is_served(tmp_path: Path, kind: str) -> None:
    load(bundle_of(tmp_path, "never_refused_models", kind))
