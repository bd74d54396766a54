"""The proof of padding at load, with real transformers that get their mask right or wrong."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.bundle.manifest import Golden
from plimsoll.errors import BundleError
from plimsoll.inference.padding import Padding
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.onnx.onnx_model import OnnxModel
from plimsoll.runtime.onnx.session_opening import open_session
from plimsoll.runtime.padding_proof import check_padding
from plimsoll.runtime.pytorch.torch_model import TorchModel
from plimsoll.runtime.warmup import warm_up
from torch import Tensor

from tests.doubles import masked_transformer as models
from tests.doubles.masked_transformer import MaskedTransformer, make_transformer_bundle

KINDS = [kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, MaskedTransformer)]
LOADER = ModelLoader(
    LoaderOptions(factories=[f"{models.__name__}:{kind.__name__}" for kind in KINDS]),
    batch_sizes=[1, 2],
    inline_budget_seconds=0,
)
NORMAL = Golden(file="golden.safetensors", absolute_tolerance=1e-4, relative_tolerance=1e-3)


def prove(folder: Path, kind: type[MaskedTransformer], length: int, **options: Any) -> None:
    bundle = make_transformer_bundle(
        folder, kind, length=length, options={"padding": {**models.PADDING, **options}} if options else None
    )
    LOADER.prove(bundle, LOADER.load(bundle))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("kind", [models.MaskedTransformer, models.NestedTransformer])
@pytest.mark.parametrize("length", [1, 10, 128])
def test_a_model_that_uses_its_mask_passes(tmp_path: Path, kind: type[MaskedTransformer], length: int) -> None:
    prove(tmp_path, kind, length)


@pytest.mark.parametrize("length", [1, 10, 100])
@pytest.mark.parametrize("kind", [models.UnmaskedAttention, models.UnmaskedMean, models.MaskOfTheFirst])
def test_a_model_that_looks_at_the_padding_is_refused_with_what_to_do(
    tmp_path: Path, kind: type[MaskedTransformer], length: int
) -> None:
    with pytest.raises(BundleError) as caught:
        prove(tmp_path, kind, length)
    assert caught.value.check == "padding"
    assert " is answered differently when it is padded from " in caught.value.message
    assert "output 'scores' is off by " in caught.value.message
    assert "The model must leave padding out by the mask 'attention_mask'" in caught.value.message
    assert "or leave the option 'padding' out of the manifest" in caught.value.message


@pytest.mark.parametrize(
    ("kind", "length", "options", "sentence"),
    [
        (models.TooFewPlaces, 10, {}, "the model fails on rows that are padded to 128 places: it raised IndexError"),
        (models.EndsAtHalf, 10, {}, "output 'states' is of shape [1, 5, 16] for golden row 0, which has 10 places; "),
        (models.EndsAtHalf, 1, {}, "output 'states' is of shape [1, 1, 16] for golden row 0 cut or repeated to 2 "),
        (models.MaskedTransformer, 40, {"lengths": [8, 32]}, "the golden samples have 40 places, and the longest row "),
    ],
)
def test_each_reason_for_which_rows_cannot_be_padded_has_a_sentence(
    tmp_path: Path, kind: type[MaskedTransformer], length: int, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BundleError) as caught:
        prove(tmp_path, kind, length, **options)
    assert caught.value.check == "padding"
    assert caught.value.message.startswith(sentence)


def check(module: Any, ids: list[list[int]], **also: list[list[int]]) -> None:
    """Prove padding of a model of whole numbers without a mask, up to 4 or 8 places."""
    rows = {name: np.array(each) for name, each in {"ids": ids, **also}.items()}
    signature = Signature(
        tuple(TensorSpec(name, "INT64", (-1, -1)) for name in rows), (TensorSpec("y", "INT64", (-1,)),)
    )
    model = TorchModel(module, signature, torch.device("cpu"), 0)
    padding = Padding(signature.inputs, (4, 8), dict.fromkeys(rows, 0))
    check_padding(model, padding, GoldenSamples(rows, {}), NORMAL)


def test_a_model_that_knows_padding_by_its_value_needs_no_mask() -> None:
    check(lambda ids: ids.sum(1), [[1, 2, 3], [4, 5, 6]])
    with pytest.raises(BundleError, match="must leave padding out by the values that the padding has"):
        check(lambda ids: (ids + 1).sum(1), [[1, 2, 3], [4, 5, 6]])


def test_inputs_of_different_lengths_are_not_padded() -> None:
    with pytest.raises(BundleError, match="'ids' has 3 places, 'more' has 2 places; padding is for inputs of one"):
        check(lambda ids, more: ids.sum(1) + more.sum(1), [[1, 2, 3]], more=[[1, 2]])


def test_a_row_of_another_length_on_which_the_model_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def at_least_three(ids: Tensor) -> Tensor:
        if ids.shape[1] < 3:
            raise ValueError("too short")
        return ids.sum(1)

    with caplog.at_level(logging.INFO, "plimsoll"):
        check(at_least_three, [[1, 2, 3]])
    assert "padding check skips golden row 0 cut or repeated to 1 places, because the model fails on it" in caplog.text


def test_without_any_row_to_pad_nothing_is_shown() -> None:
    def whole_rows(ids: Tensor) -> Tensor:
        if ids.shape[1] != 8:
            raise ValueError("8 places")
        return ids.sum(1)

    with pytest.raises(BundleError, match="nothing shows that padding changes no answer: the golden samples have 8"):
        check(whole_rows, [[1] * 8])


def test_a_model_of_onnx_runtime_is_proven_and_placed_by_length_like_any_other() -> None:
    nodes = [
        helper.make_node("Mul", ["ids", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "one"], ["y"], keepdims=0),
    ]
    sizes = {"ids": ["rows", "length"], "mask": ["rows", "length"]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, each) for name, each in sizes.items()]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT64, ["rows"])]
    one = helper.make_tensor("one", TensorProto.INT64, [1], [1])
    graph = helper.make_graph(nodes, "sum", inputs, outputs, [one])
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    specs = tuple(TensorSpec(name, "INT64", (-1, -1)) for name in sizes)
    signature = Signature(specs, (TensorSpec("y", "INT64", (-1,)),))
    session, facts = open_session(content, "sum.onnx")
    model = OnnxModel(session, signature, "cpu", facts)
    model.padding = Padding(specs, (4, 8), {"ids": 9}, "mask")
    samples = GoldenSamples({"ids": np.array([[1, 2, 3]]), "mask": np.array([[1, 1, 1]])}, {})
    check_padding(model, model.padding, samples, NORMAL)
    warm_up(model, samples.inputs, [1, 2], 3600)
    assert [model.inline_rows(((length,), (length,))) for length in (3, 4, 8)] == [0, 2, 2]


def test_memory_that_runs_out_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError("at /srv/secret")

    monkeypatch.setattr(Padding, "padded", out_of_memory)
    with pytest.raises(BundleError, match="rows cannot be padded to 4 places: it raised MemoryError") as caught:
        check(lambda ids: ids.sum(1), [[1, 2, 3]])
    assert caught.value.check == "padding"


def test_golden_samples_are_as_they_were() -> None:
    ids = np.array([[1, 2, 3]])
    check(lambda rows: rows.mul_(2).sum(1), ids.tolist())
    assert ids.tolist() == [[1, 2, 3]]
