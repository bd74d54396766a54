from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from plimsoll.bundle import installed_packages
from plimsoll.bundle.folder import open_bundle
from plimsoll.errors import PlimsollError
from plimsoll.runtime.tuning import makers
from plimsoll.runtime.tuning.makers import BFLOAT16, INT8, ONNX, makers_of

from tests.conftest import MakeBundle
from tests.doubles.digits_rows import held_out
from tests.doubles.onnx_bundles import onnx_bundle
from tests.doubles.onnx_digits import DIGITS, exported_digits

ROWS = {"pixels": held_out()[0][:40]}


def test_a_bundle_of_safetensors_has_three_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(makers, "fault_of_bfloat16", lambda: "")
    bundle = open_bundle(DIGITS / "1")
    made = {maker.name: maker.make() for maker in makers_of(bundle, ROWS, ())}
    assert list(made) == [ONNX, INT8, BFLOAT16]
    assert made[ONNX].model == made[INT8].model == {"format": "onnx", "graph": "model.onnx"}
    assert len(made[INT8].files["model.onnx"]) < len(made[ONNX].files["model.onnx"]) / 3
    assert made[BFLOAT16].model["precision"] == "bfloat16"
    assert made[BFLOAT16].files == {"weights.safetensors": bundle.read("weights.safetensors")}
    assert [made[name].schema for name in made] == [2, 2, 3]


def test_an_onnx_bundle_has_int8_alone(tmp_path: Path) -> None:
    bundle = onnx_bundle(tmp_path, exported_digits("1"), np.zeros((5, 10), np.float32))
    (maker,) = makers_of(bundle, ROWS, ())
    assert maker.name == INT8
    graph = onnx.load_from_string(maker.make().files["model.onnx"]).graph
    assert "QuantizeLinear" in {node.op_type for node in graph.node}


def test_each_candidate_that_cannot_be_made_says_why(
    make_tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makers, "fault_of_bfloat16", lambda: "this processor is old")
    monkeypatch.setattr(installed_packages, "find_spec", lambda name: None if name == "onnx" else find_spec(name))
    reasons = {}
    for maker in makers_of(make_tiny_bundle(), None, ()):
        with pytest.raises(PlimsollError) as caught:
            maker.make()
        reasons[maker.name] = caught.value.message
    assert reasons == {
        ONNX: "an export to ONNX needs onnx, which is not installed here; pip install 'plimsoll[export,onnx]'",
        INT8: "int8 needs onnx, which is not installed here; pip install 'plimsoll[export,onnx]'",
        BFLOAT16: "this processor is old",
    }
    monkeypatch.undo()
    with pytest.raises(PlimsollError, match="its scales are chosen by real rows; give some with --evaluate"):
        makers_of(make_tiny_bundle("other"), None, ())[1].make()
