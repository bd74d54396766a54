"""Models whose rows depend on each other are refused before they serve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from plimsoll.errors import BundleError

from tests.zoo.bundling import bundle_of, load
from tests.zoo.refused_models import KINDS


@pytest.mark.parametrize(("kind", "sentence"), [(kind, sentence) for kind, (_, sentence) in KINDS.items()])
def test_a_model_whose_rows_depend_on_each_other_is_refused(tmp_path: Path, kind: str, sentence: str) -> None:
    bundle = bundle_of(tmp_path, "refused_models", kind)
    with pytest.raises(BundleError) as caught:
        load(bundle)
    assert caught.value.check == "independence"
    assert re.search(sentence, caught.value.message), caught.value.message
    assert "/srv" not in caught.value.message
