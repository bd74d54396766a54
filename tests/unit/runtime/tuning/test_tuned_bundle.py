from __future__ import annotations

import json
from pathlib import Path

import pytest
from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.next_version import next_fields
from plimsoll.errors import BundleError
from plimsoll.runtime.tuning.candidates import Candidate
from plimsoll.runtime.tuning.evaluation import Comparison, Figure, Loss
from plimsoll.runtime.tuning.tuned_bundle import FINDINGS_FILE, Occasion, check_untuned, findings, write_tuned
from plimsoll.runtime.tuning.tuner import Rule, Tuning

from tests.conftest import MakeBundle

RULE = Rule(0.01, [1, 8], 3)
QUALITY, LOSS = Figure(0.9, 0.88, 0.92), Loss(0.001, 0.004)
COMPARED = Comparison(Figure(0.99, 0.98, 0.995), 0.04, within=False, quality=QUALITY, loss=LOSS)


def chosen(bundle: Bundle, folder: Path, *, rounded: bool) -> Candidate:
    files = {name: bundle.read(name) for name in bundle.manifest.files}
    draft = write_bundle(folder, next_fields(bundle, "1.1", bundle.manifest.model.model_dump(exclude_none=True)), files)
    made = Candidate("faster", "fit", draft=draft, rounded=rounded, golden_difference=0.00312, comparison=COMPARED)
    made.note_turns({1: [1.0, 2.0, 4.0], 8: [2.0] * 3}, {1: [4.0, 4.0, 4.0], 8: [4.0] * 3})
    return made


@pytest.mark.parametrize(("rounded", "tolerance"), [(True, 0.0032), (False, 0.0001)])
def test_a_candidate_that_rounds_gets_a_wider_tolerance_and_loses_the_old_figures(
    make_tiny_bundle: MakeBundle, tmp_path: Path, rounded: bool, tolerance: float
) -> None:
    figure = {"value": 1.0, "low": 0.9, "high": 1.0, "rows": 3, "method": "counted"}
    bundle = make_tiny_bundle(about={"metrics": {"recall": figure}})
    kept = chosen(bundle, tmp_path / "draft", rounded=rounded)
    tuning = Tuning([Candidate("present bundle", "present"), kept], kept)
    document = findings(bundle, tuning, RULE, None, Occasion(2))
    made = write_tuned(tmp_path / "models", bundle, tuning, document)
    assert made is not None
    made.verify_files()
    assert made.manifest.golden.absolute_tolerance == tolerance
    assert ("recall" in made.manifest.metrics) != rounded
    speed = made.manifest.metrics["speed at 1 row"]
    assert (speed.value, speed.low, speed.high) == (2.0, 1.5, 3.0)
    assert speed.method.startswith("times as fast as tiny 1; medians of 3 turns and quartiles, 2 threads of ")
    assert json.loads(made.read(FINDINGS_FILE)) == document
    with pytest.raises(BundleError, match=r"tiny 1.1 was tuned already"):
        check_untuned(made)
    check_untuned(bundle)


def test_every_candidate_is_in_the_findings_and_nothing_is_written_for_none(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = make_tiny_bundle()
    far = Candidate("far", "refused", "it is off", comparison=COMPARED._replace(difference=float("inf")))
    tuning = Tuning([Candidate("present bundle", "present"), far, Candidate("none", "left out", "no package")], None)
    document = findings(bundle, tuning, RULE, None, Occasion(1))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert [(each["name"], each["standing"], each["reason"]) for each in document["candidates"]] == [
        ("present bundle", "present", ""),
        ("far", "refused", "it is off"),
        ("none", "left out", "no package"),
    ]
    assert document["candidates"][1]["largest_difference"] is None
    assert (document["chosen"], document["evaluation"]) == (None, None)
    assert write_tuned(tmp_path / "models", bundle, tuning, document) is None
