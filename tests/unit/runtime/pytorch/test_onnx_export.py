from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.golden import read_golden
from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.session_opening import open_session
from plimsoll.runtime.pytorch.onnx_export import export_graph

from tests.conftest import MakeBundle
from tests.doubles.bundles import rewrite_manifest
from tests.doubles.exported_models import FACTORIES, factory_bundle
from tests.doubles.onnx_digits import DIGITS, exported_digits
from tests.doubles.programs import program_bundle, tiny_program

WORDS = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.int64)


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_exported_model_answers_as_its_bundle_says(version: str) -> None:
    samples = read_golden(open_bundle(DIGITS / version))
    session, facts = open_session(exported_digits(version), "m")
    (given,) = session.run(["probabilities"], dict(samples.inputs))
    assert np.allclose(given, samples.outputs["probabilities"], rtol=1e-3, atol=1e-4)
    assert facts.producer == "pytorch"


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_graph_holds_nothing_of_the_machine_that_made_it(version: str) -> None:
    content = exported_digits(version)
    for trace in (b"plimsoll", b".py", b"/work", b"site-packages", b"stack", b"torch.nn", str(Path.cwd()).encode()):
        assert trace not in content
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)


def test_inputs_and_outputs_keep_their_names_and_order(tmp_path: Path) -> None:
    rows = {name: np.random.default_rng(at).random((3, 4), np.float32) for at, name in enumerate(("left", "right"))}
    bundle = factory_bundle(tmp_path, "SumsAndDifferences", rows)
    session, _ = open_session(export_graph(bundle, rows, FACTORIES), "m")
    sums, differences = session.run(["out0", "out1"], rows)
    assert np.allclose(sums, (rows["left"] + rows["right"]) * [1, 2, 3, 4])
    assert differences.tolist() == np.trunc(rows["left"] - rows["right"]).astype(int).tolist()


def test_outputs_that_the_module_names_are_found_by_name(tmp_path: Path) -> None:
    rows = {name: np.random.default_rng(at).random((3, 4), np.float32) for at, name in enumerate(("left", "right"))}
    bundle = factory_bundle(tmp_path, "NamesOutputs", rows)
    session, _ = open_session(export_graph(bundle, rows, FACTORIES), "m")
    sums, differences = session.run(["out0", "out1"], rows)
    assert np.allclose(sums, rows["left"] + rows["right"])
    assert np.allclose(differences, rows["left"] - rows["right"])


def test_bfloat16_is_refused(make_tiny_bundle: MakeBundle) -> None:
    bundle = rewrite_manifest(
        make_tiny_bundle(), lambda fields: fields["signature"]["inputs"][0].update(datatype="BF16")
    )
    with pytest.raises(BundleError, match="'input' is BF16, which ONNX Runtime takes from no client"):
        export_graph(bundle, {"input": np.ones((2, 4), np.float32)}, ())


def test_open_dimensions_stay_open(tmp_path: Path) -> None:
    bundle = factory_bundle(tmp_path, "Embeds", {"words": WORDS})
    session, _ = open_session(export_graph(bundle, {"words": WORDS}, FACTORIES), "m")
    for rows, length in ((1, 1), (2, 9)):
        assert session.run(None, {"words": np.ones((rows, length), np.int64)})[0].shape == (rows, 3)


def test_one_golden_row_leaves_the_batch_open(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle(example=np.ones((1, 4), np.float32))
    session, _ = open_session(export_graph(bundle, read_golden(bundle).inputs, ()), "m")
    assert session.run(None, {"input": np.ones((7, 4), np.float32)})[0].shape == (7, 3)


@pytest.mark.parametrize("name", ["Branches", "FixesRows"])
def test_a_model_that_torch_cannot_export_is_refused(tmp_path: Path, name: str) -> None:
    rows = {"x": np.ones((3, 4), np.float32)}
    bundle = factory_bundle(tmp_path, name, rows, {"sizes": [4, 8, 3]} if name == "Branches" else None)
    with pytest.raises(BundleError) as caught:
        export_graph(bundle, rows, FACTORIES)
    assert caught.value.check == "format"
    assert caught.value.message.startswith("torch cannot export this model to ONNX: it raised ")


def test_a_factory_that_is_not_allowed_is_not_called(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="PLIMSOLL_FACTORIES"):
        export_graph(factory_bundle(tmp_path, "Embeds", {"words": WORDS}), {"words": WORDS}, ())


def test_a_program_of_torch_is_refused(make_tiny_bundle: MakeBundle) -> None:
    bundle = program_bundle(make_tiny_bundle(), tiny_program())
    with pytest.raises(BundleError, match="a bundle of the format pt2 cannot be exported, only safetensors"):
        export_graph(bundle, {"input": np.ones((2, 4), np.float32)}, ())


def test_the_exporter_is_silent(make_tiny_bundle: MakeBundle, capfd: pytest.CaptureFixture[str]) -> None:
    bundle, before = make_tiny_bundle(), logging.root.manager.disable
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        export_graph(bundle, read_golden(bundle).inputs, ())
    assert (capfd.readouterr(), caught) == (("", ""), [])
    assert logging.root.manager.disable == before
