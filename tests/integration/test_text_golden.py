"""Golden requests find what golden samples cannot: other labels, and the tokenizer of another model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.tasks import bind_task
from tokenizers import Tokenizer

from tests.doubles.bundles import replace_file, rewrite_manifest
from tests.integration.conftest import REPOSITORY
from training.example_bundle import MODELS

NAMES = ("sentiment", "spam", "tags")
FILE = "tokenizer.json"
LARGEST, ALL_LARGEST = 3 << 20, 15 << 20


def proven(bundle: Bundle) -> int:
    """The golden requests of a bundle that its model and its task answer as it says."""
    loader = new_loader(LoaderOptions("cpu", threads=1), max_batch_rows=4, inline_budget_seconds=0)
    model = loader.load(bundle)
    return loader.prove_requests(bundle, model, bind_task(bundle.manifest, bundle.read))


@pytest.fixture(params=NAMES)
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    """A copy of a bundle, to be changed."""
    shutil.copytree(MODELS / request.param / "1", tmp_path / request.param / "1")
    return open_bundle(tmp_path / request.param / "1")


def test_the_golden_requests_of_a_bundle_match_as_it_is(bundle: Bundle) -> None:
    assert proven(bundle) >= 5


def swap_labels(fields: dict[str, Any]) -> None:
    fields["signature"]["outputs"][0]["labels"].reverse()


def swap_kinds(fields: dict[str, Any]) -> None:
    output = fields["signature"]["outputs"][0]
    swapped = {"PER": "LOC", "LOC": "PER"}
    output["labels"] = [f"{each[:2]}{swapped.get(each[2:], each[2:])}" for each in output["labels"]]


def test_swapped_labels_are_found(bundle: Bundle) -> None:
    change = swap_kinds if bundle.manifest.name == "tags" else swap_labels
    with pytest.raises(BundleError, match="golden request 0 does not match") as caught:
        proven(rewrite_manifest(bundle, change))
    assert caught.value.check == "golden"


def swapped_words(content: bytes) -> bytes:
    """The tokenizer with the ids of its words the other way round."""
    text = content.decode()
    tokenizer = Tokenizer.from_str(text)
    words = sorted((place, word) for word, place in tokenizer.get_vocab().items())[2:]
    turned = dict(zip((word for _, word in words), reversed([place for place, _ in words]), strict=True))
    document = json.loads(text)
    document["model"]["vocab"].update(turned)
    return json.dumps(document).encode()


def another_case(content: bytes) -> bytes:
    """The tokenizer with another treatment of capitals."""
    if b'"Lowercase"' in content:
        return content.replace(b'"Lowercase"', b'"NFC"')
    return content.replace(b'"normalizer":{"type":"NFC"}', b'"normalizer":{"type":"Lowercase"}')


@pytest.mark.parametrize("change", [swapped_words, another_case])
def test_another_tokenizer_is_found(bundle: Bundle, change: Callable[[bytes], bytes]) -> None:
    content = bundle.read(FILE)
    assert change(content) != content
    with pytest.raises(BundleError, match="golden request 0 does not match"):
        proven(replace_file(bundle, FILE, change(content)))


def test_the_tokenizer_of_another_model_is_found(bundle: Bundle) -> None:
    other = {"sentiment": "spam", "spam": "sentiment", "tags": "sentiment"}[bundle.manifest.name]
    with pytest.raises(BundleError) as caught:
        proven(replace_file(bundle, FILE, (MODELS / other / "1" / FILE).read_bytes()))
    assert caught.value.check in ("golden", "task")


def test_bundles_are_small_and_say_what_they_are() -> None:
    for name in NAMES:
        bundle = open_bundle(MODELS / name / "1")
        manifest = bundle.manifest
        assert sum(file.stat().st_size for file in bundle.path.iterdir()) < LARGEST
        assert "not" in manifest.description
        assert manifest.training_data is not None
        assert manifest.metrics
    files = [file for file in MODELS.rglob("*") if file.is_file() and "minilm" not in file.parts]  # it is not in git
    assert sum(file.stat().st_size for file in files) < ALL_LARGEST


@pytest.mark.parametrize("page", ["docs/text.md", "training/texts.md"])
def test_the_pages_give_the_figures_of_the_manifests(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for name in NAMES:
        figures = open_bundle(MODELS / name / "1").manifest.metrics
        figure = next(iter(figures.values()))
        assert f"{figure.value:.3f} (95 %: {figure.low:.3f} to {figure.high:.3f})" in text, name
