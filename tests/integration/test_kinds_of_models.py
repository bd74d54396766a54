"""Each kind of model goes from its maker's files, by documented commands, to an answer over HTTP equal to torch's.

`pytest -s` prints the command of each kind and the bodies of its requests.
"""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.cli.commands import app
from plimsoll.settings import load_settings
from torch import nn
from typer.testing import CliRunner

from tests.contracts.kinds import Proof, proven
from tests.doubles.brought_modules import GivesDict
from tests.doubles.kinds_of_models import KINDS, Inputs, Kind
from tests.doubles.onnx_graphs import linear
from tests.doubles.servers import served

DATATYPES = {
    torch.bool: "BOOL", torch.uint8: "UINT8", torch.int32: "INT32", torch.int64: "INT64", torch.float16: "FP16",
    torch.bfloat16: "BF16", torch.float32: "FP32", torch.float64: "FP64",
}  # fmt: skip
ROWS = 2
PAGE = Path(__file__).parents[2] / "docs" / "bring-your-model.md"


class Made(NamedTuple):
    """A bundle that the commands have made, and the module of its maker."""

    module: nn.Module
    commands: Sequence[Sequence[str]]


def create(kind: Kind, folder: Path) -> Made:
    """Make the bundle of a kind in `folder/models` by the commands."""
    module, files = kind.save(folder)
    commands = kind.commands(files)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in commands:
            ran = CliRunner().invoke(app, words)
            assert ran.exit_code == 0, ran.output or ran.exception
    return Made(module, commands)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, dict[str, Made]]]:
    """The URL of a server of one bundle of each kind, the folder of the bundles, and their makers' modules."""
    folder = tmp_path_factory.mktemp("kinds")
    made = {kind.name: create(kind, folder) for kind in KINDS}
    chosen = load_settings(models_dir=folder / "models", factories=tuple({kind.factory for kind in KINDS}))
    with served(Application(chosen).app) as url:
        yield url, folder / "models", made


def bodies(kind: Kind, inputs: Inputs) -> list[tuple[Inputs, dict[str, Any]]]:
    """The first row alone in one body, and all rows in another."""
    given = {name: tensor for name, tensor in inputs.items() if name not in kind.left_out}
    rows: list[Any] = [
        {name: tensor[row].tolist() for name, tensor in given.items()}
        for row in range(len(next(iter(inputs.values()))))
    ]
    one = "inputs"
    if kind.task != "tensors":
        rows, one = [values for row in rows for values in row.values()], "features"
    return [({name: tensor[:1] for name, tensor in inputs.items()}, {one: rows[0]}), (inputs, {"instances": rows})]


def outputs_of(kind: Kind, prediction: dict[str, Any]) -> dict[str, Any]:
    """The outputs of one prediction by name."""
    match kind.task:
        case "tabular-classification":
            probabilities = prediction["probabilities"]
            assert prediction["class"] == ("low", "middle", "high")[int(np.argmax(probabilities))]
            return {"probabilities": probabilities}
        case "tabular-regression":
            return dict(prediction["values"])
    return dict(prediction["outputs"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_model_answers_over_http_as_torch_does(kind: Kind, server: tuple[str, Path, dict[str, Made]]) -> None:
    url, models, made = server
    module, commands = made[kind.name]
    signature = open_bundle(models / kind.name / kind.version).manifest.signature
    path, proofs = f"/v1/models/{kind.name}/predict", []
    for length in kind.asked:
        inputs = kind.rows(ROWS, length)
        assert list(inputs) == list(inspect.signature(module.forward).parameters)
        taken = {name: DATATYPES[tensor.dtype] for name, tensor in inputs.items()}
        assert [(each.name, each.datatype) for each in signature.inputs] == list(taken.items())
        for asked, body in bodies(kind, inputs):
            print(f"POST {path} {json.dumps(body)}")  # noqa: T201  # for a person, with -s
            answer = httpx.post(url + path, json=body, timeout=60)
            assert answer.status_code == 200, answer.text
            assert answer.json()["version"] == kind.version
            predictions = answer.json()["predictions"]
            difference = worst(kind, [outputs_of(kind, each) for each in predictions], wanted(kind, module, asked))
            proofs.append(Proof(commands, path, body, predictions[0], difference))
    proven(kind.name, proofs[0]._replace(difference=max(proof.difference for proof in proofs)))


def worst(kind: Kind, given: Sequence[Mapping[str, Any]], expected: Sequence[torch.Tensor]) -> float:
    """The greatest difference between the outputs of some rows and those of torch, none of which is above tolerance."""
    differences = [0.0]
    for name, tensor in zip(kind.outputs, expected, strict=True):
        answered = torch.tensor([each[name] for each in given], dtype=torch.float64)
        torch.testing.assert_close(
            answered, tensor.double(), rtol=kind.tolerance, atol=kind.tolerance, msg=f"{kind.name} {name}"
        )
        differences.append(float((answered - tensor.double()).abs().max()))
    return max(differences)


def wanted(kind: Kind, module: nn.Module, inputs: Inputs) -> list[torch.Tensor]:
    """The outputs of torch itself, in the order of the signature."""
    with torch.inference_mode():
        result = module(*inputs.values())
    if kind.task == "tabular-regression":
        return list(result.T)
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, dict):
        return [result[name] for name in kind.outputs]
    return list(result)[: len(kind.outputs)]


def test_a_graph_made_with_onnx_helper_answers_over_http_as_its_reference_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save_model(linear(), tmp_path / "iris.onnx")
    command = ["init", "iris.onnx", "--no-ask"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output or ran.exception
    rows = np.random.default_rng(2).standard_normal((ROWS, 4), np.float32)
    path, body = "/v1/models/iris/predict", {"instances": [{"x": row.tolist()} for row in rows]}
    with served(Application(load_settings(models_dir=tmp_path / "models")).app) as url:
        answer = httpx.post(url + path, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    outputs: Any = ReferenceEvaluator(linear()).run(None, {"x": rows})
    expected = np.asarray(outputs[0])
    given = np.array([each["outputs"]["y"] for each in predictions])
    np.testing.assert_allclose(given, expected, atol=1e-6)
    difference = float(np.abs(given - expected).max())
    proven("onnx-from-elsewhere", Proof([command], path, body, predictions[0], difference))


def test_the_example_of_the_page_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```sh\n(plimsoll bundle create.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    create, ask = block.replace("\\\n", " ").strip().splitlines()
    module = GivesDict(30522).eval()
    torch.save(module.state_dict(), tmp_path / "pytorch_model.bin")
    for length in (8, 12):
        for name, tensor in {"ids": torch.arange(length), "mask": torch.ones(length, dtype=torch.int64)}.items():
            np.save(tmp_path / f"{name}{length}.npy", tensor.repeat(3, 1).numpy())
    monkeypatch.chdir(tmp_path)
    factory = "tests.doubles.brought_modules:big_vocabulary"
    ran = CliRunner().invoke(app, shlex.split(create.replace("ourmodels:sentiment", factory))[1:])
    assert ran.exit_code == 0, ran.output or ran.exception
    path, body = re.findall(r"127.0.0.1:8000(\S+) .* -d '(.*)'", ask)[0]
    with served(Application(load_settings(models_dir=tmp_path / "models", factories=(factory,))).app) as url:
        answer = httpx.post(url + path, content=body, headers={"Content-Type": "application/json"}, timeout=60)
    assert answer.status_code == 200, answer.text
    inputs = {name: torch.tensor([row]) for name, row in json.loads(body)["inputs"].items()}
    (logits,) = wanted(replace(KINDS[0], outputs=["logits"]), module, inputs)
    torch.testing.assert_close(torch.tensor([answer.json()["predictions"][0]["outputs"]["logits"]]), logits)


def test_a_request_in_another_type_shape_or_name_is_refused(server: tuple[str, Path, dict[str, Made]]) -> None:
    url, _, _ = server
    for name, inputs in {
        "embedding-bag": {"ids": [1.5]},
        "two-inputs": {"place": 3, "measured": [0.5, 1.5]},
        "uint8-nhwc": {"images": [[[[256] * 3] * 7] * 9][0]},
        "bf16": {"rows": [0, 0, 0, 3.4e38]},
        "gives-dict": {"input_ids": [1, 2]},
        "float-nchw": {"pictures": []},
    }.items():
        answer = httpx.post(f"{url}/v1/models/{name}/predict", json={"inputs": inputs}, timeout=60)
        assert answer.status_code == 422, (name, answer.text)
