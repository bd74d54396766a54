from __future__ import annotations

import pytest
from plimsoll.errors import BundleError
from plimsoll.fronts.v1_models import check_askable
from plimsoll.inference.payloads import Datatype, Signature, TensorSpec

from tests.doubles.models import flat_signature


def tensor(name: str, datatype: Datatype, *row: int, labels: tuple[str, ...] = ()) -> TensorSpec:
    return TensorSpec(name, datatype, (-1, *row), labels=labels)


ROWS = tensor("x", "FP32", 2)
CLASSES = tensor("y", "FP32", 2, labels=("a", "b"))


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_a_classifier_of_flat_rows_can_be_asked(width: int, datatype: Datatype) -> None:
    check_askable(flat_signature(width, datatype))


def test_scores_may_have_half_the_bits() -> None:
    check_askable(Signature((ROWS,), (tensor("y", "FP16", 2, labels=("a", "b")),)))


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
def test_one_score_a_row_will_do_with_a_threshold(shape: tuple[int, ...]) -> None:
    check_askable(Signature((ROWS,), (TensorSpec("y", "FP32", shape, labels=("a", "b"), threshold=0.5),)))


@pytest.mark.parametrize(
    ("signature", "fault"),
    [
        (Signature((ROWS, tensor("z", "FP32", 2)), (CLASSES,)), "it has 2 inputs, 'x', 'z'"),
        (
            Signature((tensor("x", "FP32", 1, 9, 9),), (CLASSES,)),
            "its input 'x' is FP32 [-1, 1, 9, 9]; take flat rows, and let forward begin with rows.view(-1, 1, 9, 9)",
        ),
        (
            Signature((tensor("x", "FP32"),), (CLASSES,)),
            "its input 'x' is FP32 [-1]; take flat rows, and let forward begin with rows.view(-1)",
        ),
        (
            Signature((tensor("x", "FP64", -1),), (CLASSES,)),
            "its input 'x' is FP64 [-1, -1], whose rows may differ in length; pad them to one length",
        ),
        (
            Signature((tensor("ids", "INT64", 4),), (CLASSES,)),
            "its input 'ids' is INT64 [-1, 4]; take FP32, and let forward begin with rows.to(torch.int64)",
        ),
        (
            Signature((tensor("x", "FP16", 4),), (CLASSES,)),
            "its input 'x' is FP16 [-1, 4]; take FP32, and let forward begin with rows.to(torch.float16)",
        ),
        (
            Signature((tensor("x", "BOOL", 4),), (CLASSES,)),
            "its input 'x' is BOOL [-1, 4]; take FP32, and let forward begin with rows.to(torch.bool)",
        ),
        (Signature((ROWS,), (CLASSES, tensor("h", "FP32", 8))), "it has 2 outputs, 'y', 'h'"),
        (
            Signature((ROWS,), (tensor("y", "INT64", 2, labels=("a", "b")),)),
            "its output 'y' is INT64 [-1, 2]; give one score for each class",
        ),
        (
            Signature((ROWS,), (tensor("y", "FP32", 3, 2, labels=("a", "b")),)),
            "its output 'y' is FP32 [-1, 3, 2]; give one score for each class",
        ),
        (
            Signature((ROWS,), (TensorSpec("y", "UINT8", (-1, 1), labels=("a", "b"), threshold=0.5),)),
            "its output 'y' is UINT8 [-1, 1]; give one score for each class",
        ),
        (
            Signature((ROWS,), (tensor("y", "FP32", 2),)),
            "its output 'y' is FP32 [-1, 2] without labels; name its classes",
        ),
    ],
)
def test_another_model_is_refused_by_what_it_has_and_what_can_be_asked(signature: Signature, fault: str) -> None:
    with pytest.raises(BundleError) as caught:
        check_askable(signature)
    assert caught.value.check == "route"
    assert caught.value.message == (
        f"no route can ask this model: {fault}; POST /v1/predict asks models of one input, FP32 or FP64 of shape "
        "[-1, N] with N fixed, and of one output, a score in FP16, FP32 or FP64 for each label, or one score with a "
        "threshold"
    )
