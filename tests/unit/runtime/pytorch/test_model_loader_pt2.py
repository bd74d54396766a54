"""A .pt2 is code: these tests ship one that carries a payload and show that it never ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.errors import BundleError
from plimsoll.runtime.loaded_model import LoadedModel
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader

from tests.conftest import MakeBundle
from tests.doubles.programs import (
    PROGRAM_FILE,
    Change,
    dict_program,
    program_bundle,
    repacked,
    tiny_program,
    with_payload,
)


def loader(*, trust: bool) -> ModelLoader:
    return ModelLoader(LoaderOptions(trust_pt2=trust), batch_sizes=[1, 2], inline_budget_seconds=1)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The folder that a hostile program makes when it runs."""
    return tmp_path / "the-payload-ran"


@pytest.fixture
def hostile(make_tiny_bundle: MakeBundle, marker: Path) -> Bundle:
    """A bundle whose digests, signature and golden samples are all right, and whose program is hostile."""
    return program_bundle(make_tiny_bundle(), with_payload(tiny_program(), marker))


def test_without_trust_a_program_is_refused_and_its_payload_never_runs(hostile: Bundle, marker: Path) -> None:
    hostile.verify_files()
    with pytest.raises(BundleError, match=r"program\.pt2 is a \.pt2 program, .* it was left unopened") as caught:
        loader(trust=False).load(hostile)
    assert caught.value.check == "format"
    assert "PLIMSOLL_TRUST_PT2=true" in caught.value.message
    assert not marker.exists()


def test_with_trust_the_payload_does_run_so_that_the_test_above_is_able_to_fail(hostile: Bundle, marker: Path) -> None:
    command = [sys.executable, "-m", "plimsoll", "bundle", "verify", str(hostile.path), "--trust-pt2"]
    trusted = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert marker.exists()
    assert trusted.returncode == 0, trusted.stderr
    assert "golden" in trusted.stdout


def test_even_with_trust_a_tampered_program_is_not_opened(hostile: Bundle, marker: Path) -> None:
    with (hostile.path / PROGRAM_FILE).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError) as caught:
        loader(trust=True).load(hostile)
    assert caught.value.check == "digest"
    assert not marker.exists()


def test_a_trusted_program_loads_proves_warms_and_answers_like_its_weights(make_tiny_bundle: MakeBundle) -> None:
    plain = make_tiny_bundle(name="plain")
    rows = {"input": np.random.default_rng(3).random((7, 4), np.float32)}
    wanted = loader(trust=False).load(plain).run(rows)["output"]

    trusting = loader(trust=True)
    bundle = program_bundle(make_tiny_bundle(), tiny_program())
    model = trusting.load(bundle)
    assert set(trusting.warm(model, trusting.prove(bundle, model))) == {1, 2}
    assert model.inline_rows() == 2
    assert model.parameters == 67
    assert np.allclose(model.run(rows)["output"], wanted, atol=1e-6)


def drop(part: str) -> Change:
    return lambda name, content: None if part in name else content


def replace(part: str, content: bytes) -> Change:
    return lambda name, before: content if part in name else before


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(drop(""), id="no member"),
        pytest.param(drop("weights_config"), id="no list of weights"),
        pytest.param(drop("sample_inputs"), id="no sample inputs"),
        pytest.param(drop("models/"), id="no model"),
        pytest.param(drop("archive_version"), id="no version"),
        pytest.param(replace("model.json", b"{"), id="model is not JSON"),
        pytest.param(replace("model.json", b"{}"), id="model is empty"),
        pytest.param(replace("weights_config", b'{"config": {"a": 1}}'), id="list of weights is wrong"),
        pytest.param(replace("weight_0", b"shor"), id="weight is too short"),
        pytest.param(replace("sample_inputs", b"zzz"), id="sample inputs are no pickle"),
    ],
)
def test_a_broken_program_is_told_in_one_sentence(make_tiny_bundle: MakeBundle, change: Change) -> None:
    bundle = program_bundle(make_tiny_bundle(), repacked(tiny_program(), change))
    with pytest.raises(BundleError, match=r"^program\.pt2 cannot be loaded: .+") as caught:
        loader(trust=True).load(bundle)
    assert caught.value.check == "weights"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("length", [0, 40, 5000])
def test_a_truncated_program_is_told_in_one_sentence(make_tiny_bundle: MakeBundle, length: int) -> None:
    bundle = program_bundle(make_tiny_bundle(), tiny_program()[:length])
    with pytest.raises(BundleError, match=r"^program\.pt2 cannot be loaded: .+") as caught:
        loader(trust=True).load(bundle)
    assert caught.value.check == "weights"


def proven(bundle: Bundle) -> LoadedModel:
    model = loader(trust=True).load(bundle)
    loader(trust=True).prove(bundle, model)
    return model


def test_a_program_for_another_number_of_rows_fails_on_the_golden_samples(make_tiny_bundle: MakeBundle) -> None:
    with pytest.raises(BundleError, match="the model fails on the golden samples: ") as caught:
        proven(program_bundle(make_tiny_bundle(), tiny_program(3)))
    assert caught.value.check == "golden"


def test_a_program_that_takes_only_the_rows_of_the_golden_samples_fails_on_one_row(
    make_tiny_bundle: MakeBundle,
) -> None:
    with pytest.raises(BundleError, match="the model fails on golden row 0 alone: it raised ") as caught:
        proven(program_bundle(make_tiny_bundle(), tiny_program(5)))
    assert caught.value.check == "independence"


def test_a_program_that_answers_with_a_dict_breaks_the_signature(make_tiny_bundle: MakeBundle) -> None:
    with pytest.raises(BundleError) as caught:
        proven(program_bundle(make_tiny_bundle(), dict_program()))
    assert caught.value.check in ("signature", "golden")
