from __future__ import annotations

import json
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from plimsoll.bundle import installed_packages
from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.errors import BundleError, OperatorError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.onnx_export import check_packages, export_bundle
from plimsoll.runtime.pytorch.onnx_export import export_graph

from tests.conftest import MakeBundle
from tests.doubles.exported_models import FACTORIES, factory_bundle
from tests.doubles.onnx_digits import DIGITS, exported_digits
from tests.doubles.onnx_graphs import linear
from tests.doubles.own_tasks import with_requests

CPU = ModelLoader(LoaderOptions(threads=1), batch_sizes=[1, 2, 4], inline_budget_seconds=0)
ROWS = np.random.default_rng(0).random((5, 4), np.float32)


def test_missing_packages_are_named_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    check_packages()
    missing = ("onnx", "onnxscript")
    monkeypatch.setattr(installed_packages, "find_spec", lambda name: None if name in missing else find_spec(name))
    with pytest.raises(OperatorError) as caught:
        check_packages()
    assert caught.value.message == (
        "an export to ONNX needs onnx and onnxscript, which are not installed here; pip install 'plimsoll[export,onnx]'"
    )


def test_an_export_keeps_every_field_but_the_model(tmp_path: Path) -> None:
    source = open_bundle(DIGITS / "2")
    made = export_bundle(source, tmp_path, "2.1", CPU, lambda *_: exported_digits("2"))
    assert made.path == tmp_path / "digits" / "2.1"
    before, after = (json.loads((each.path / "manifest.json").read_bytes()) for each in (source, made))
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {"schema_version", "version", "task", "model", "files"}
    assert (after["schema_version"], after["task"]) == (2, source.manifest.task)
    assert after["model"] == {"format": "onnx", "graph": "model.onnx"}
    assert made.read("golden.safetensors") == source.read("golden.safetensors")
    assert made.manifest.line_signature() == source.manifest.line_signature()
    made.verify_place()
    made.verify_files()
    CPU.prove(made, CPU.load(made))


@pytest.mark.parametrize("graph", ["another model", "no graph"])
def test_a_graph_that_answers_otherwise_is_not_written(
    make_tiny_bundle: MakeBundle, tmp_path: Path, graph: str
) -> None:
    content = linear().SerializeToString() if graph == "another model" else b"no graph"
    with pytest.raises(BundleError):
        export_bundle(make_tiny_bundle(), tmp_path / "out", "2", CPU, lambda *_: content)
    assert not (tmp_path / "out").exists()


def test_answers_that_differ_from_the_golden_ones_are_not_written(tmp_path: Path) -> None:
    source = factory_bundle(tmp_path, "Noisy", {"pixels": ROWS})
    with pytest.raises(BundleError) as caught:
        export_bundle(source, tmp_path / "out", "2", CPU, partial(export_graph, factories=FACTORIES))
    assert caught.value.check == "golden"
    assert not (tmp_path / "out").exists()


def test_a_version_that_exists_is_not_written_again() -> None:
    with pytest.raises(BundleError, match="digits 2 exists already; a version never changes, choose the next one"):
        export_bundle(open_bundle(DIGITS / "2"), DIGITS.parent, "2", CPU, lambda *_: exported_digits("2"))


def test_a_bundle_that_was_changed_is_not_exported(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match="was changed after the bundle was made"):
        export_bundle(bundle, tmp_path / "out", "2", CPU, never)


def test_an_onnx_bundle_is_not_exported_again(tmp_path: Path) -> None:
    made = export_bundle(open_bundle(DIGITS / "2"), tmp_path, "2.1", CPU, lambda *_: exported_digits("2"))
    with pytest.raises(
        BundleError, match=r"only a safetensors bundle can be exported, and digits 2.1 is of the format"
    ):
        export_bundle(made, tmp_path, "2.2", CPU, never)


def never(_bundle: Bundle, _inputs: Tensors) -> bytes:
    raise AssertionError("this bundle should not be exported")


def test_golden_requests_are_not_carried_over_unasked(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    request = [{"body": {"features": [0, 0, 0, 0]}, "predictions": []}]
    bundle = with_requests(make_tiny_bundle(), request)
    with pytest.raises(BundleError, match="the golden requests of tiny 2 cannot be asked without a task"):
        export_bundle(bundle, tmp_path / "out", "2", CPU, partial(export_graph, factories=()))
    assert not (tmp_path / "out").exists()
