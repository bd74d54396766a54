from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnxruntime.quantization import quantize_dynamic
from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.bundle.golden import read_golden
from plimsoll.errors import OperatorError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.onnx.static_quantisation import quantised_graph
from plimsoll.runtime.onnx_export import GRAPH_RECORD
from plimsoll.runtime.pytorch.onnx_export import export_graph
from plimsoll.runtime.tuning.candidates import Candidate, Form, Maker
from plimsoll.runtime.tuning.evaluation import Evaluation, RightClasses
from plimsoll.runtime.tuning.tuner import Progress, Rule, Tuner, Tuning
from plimsoll.tasks import bind_task
from plimsoll.tasks.tabular_classification import label_scores

from tests.conftest import MakeBundle
from tests.doubles.digits_rows import held_out
from tests.doubles.onnx_digits import DIGITS, exported_digits

PIXELS, LABELS = held_out()
DIGITS_1 = open_bundle(DIGITS / "1")
CLASSES = label_scores(DIGITS_1.manifest.line_signature())
ROWS = {"pixels": PIXELS}


def labelled(rows: int = 1000, *, shuffled: bool = False) -> Evaluation:
    labels = np.random.default_rng(1).permutation(LABELS) if shuffled else LABELS
    return Evaluation({"pixels": PIXELS[:rows]}, RightClasses(CLASSES, labels[:rows].astype(np.intp)), CLASSES)


def graph(content: Callable[[], bytes]) -> Callable[[], Form]:
    return lambda: Form(GRAPH_RECORD, {"model.onnx": content()}, 2)


def eight_bits() -> bytes:
    return quantised_graph(exported_digits("1"), ROWS)


def tune(
    folder: Path,
    maker: Callable[[], Form],
    evaluation: Evaluation | None,
    loss: float | None,
    bundle: Bundle = DIGITS_1,
) -> Tuning:
    loader = new_loader(LoaderOptions(threads=1), max_batch_rows=16, inline_budget_seconds=0.001)
    steps: list[str] = []
    tuner = Tuner(
        bundle, "1.1", bind_task(bundle.manifest, bundle.read), loader, None, evaluation, Rule(loss, [1], 1), folder,
        Progress(steps.append, lambda _done, _of: None),
    )  # fmt: skip
    found = tuner.run([Maker("other", maker)])
    assert steps[0] == f"checking {bundle.manifest.name} 1"
    assert [each.name for each in found.candidates] == ["present bundle", "other"]
    return found


def other(found: Tuning) -> Candidate:
    return found.candidates[1]


def test_the_same_numbers_in_another_runtime_fit_without_a_file(tmp_path: Path) -> None:
    found = other(tune(tmp_path, graph(lambda: exported_digits("1")), None, None))
    assert (found.standing, found.reason, found.rounded) == ("fit", "", False)
    assert found.comparison is not None
    assert found.comparison.within
    assert list(found.times) == [1]


@pytest.mark.parametrize(
    ("evaluation", "loss", "sentence"),
    [
        (None, None, "more than the golden tolerance; a loss can be allowed only with the right answers of the rows"),
        (labelled(), None, "more than the golden tolerance, and no loss of accuracy is allowed (--allow-loss)"),
        (labelled(), 0.0, "with 95 % confidence; 0.00% is allowed"),
        (labelled(60), 0.02, "2.00% is allowed; more rows could show that it loses less"),
        (labelled(shuffled=True), 0.05, "so a loss of accuracy means nothing here"),
    ],
)
def test_eight_bits_are_refused_unless_their_loss_is_shown_to_be_allowed(
    tmp_path: Path, evaluation: Evaluation | None, loss: float | None, sentence: str
) -> None:
    found = other(tune(tmp_path, graph(eight_bits), evaluation, loss))
    assert found.standing == "refused"
    assert sentence in found.reason
    assert found.times  # it is measured and shown


def test_eight_bits_fit_a_loss_that_the_rows_show(tmp_path: Path) -> None:
    found = other(tune(tmp_path, graph(eight_bits), labelled(), 0.02))
    assert (found.standing, found.reason, found.rounded) == ("fit", "", True)
    assert found.draft is not None
    assert 1e-4 < found.golden_difference < 0.1
    assert found.comparison is not None
    assert found.comparison.loss is not None
    assert found.comparison.loss.most < 0.02


def test_a_scale_for_each_batch_is_refused(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(minimum=None, maximum=None)

    def dynamic() -> bytes:
        plain, made = tmp_path / "plain.onnx", tmp_path / "dynamic.onnx"
        plain.write_bytes(export_graph(bundle, read_golden(bundle).inputs, ()))
        quantize_dynamic(plain, made)
        return made.read_bytes()

    found = other(tune(tmp_path, graph(dynamic), None, None, bundle))
    assert found.standing == "refused"
    assert "one quantisation scale for a whole batch are the usual reasons" in found.reason


@pytest.mark.parametrize("content", [exported_digits("2"), b"no graph"])
def test_another_model_and_no_model_are_not_kept(tmp_path: Path, content: bytes) -> None:
    found = other(tune(tmp_path, graph(lambda: content), None, None))
    assert found.standing == ("refused" if content != b"no graph" else "left out")
    assert found.reason


def test_a_maker_that_cannot_says_why(tmp_path: Path) -> None:
    def cannot() -> Form:
        raise OperatorError("the moon is full")

    found = tune(tmp_path, cannot, None, None)
    assert (other(found).standing, other(found).reason, other(found).times) == ("left out", "the moon is full", {})
    assert found.chosen is None
