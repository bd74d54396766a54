"""Each kind of model goes from its maker's files, by documented commands, to an answer over HTTP equal to torch's.

`pytest -s` prints the command of each kind and the bodies of its requests.
"""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.cli.commands import app
from plimsoll.settings import load_settings
from torch import nn
from typer.testing import CliRunner

from tests.doubles.kinds_of_models import KINDS, GivesDict, Inputs, Kind
from tests.doubles.servers import served

DATATYPES = {
    torch.bool: "BOOL", torch.uint8: "UINT8", torch.int64: "INT64", torch.float16: "FP16", torch.bfloat16: "BF16",
    torch.float32: "FP32",
}  # fmt: skip
ROWS = 2
PAGE = Path(__file__).parents[2] / "docs" / "bring-your-model.md"


def factory_of(kind: Kind) -> str:
    return f"tests.doubles.kinds_of_models:{kind.make.__name__}"


def create(kind: Kind, folder: Path) -> nn.Module:
    """Make the bundle of a kind in `folder/models` by the command; returns the module of its maker."""
    module, files = kind.save(folder)
    words = [f"--name={kind.name}", "--version=1", f"--factory={factory_of(kind)}", *files, *kind.words]
    if kind.parameters:
        words.append(f"--parameters={json.dumps(kind.parameters)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ran = CliRunner().invoke(app, ["bundle", "create", *words])
    assert ran.exit_code == 0, ran.output or ran.exception
    print(f"\n$ plimsoll bundle create {' '.join(words)}\n{ran.output}")  # noqa: T201  # for a person, with -s
    return module


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, dict[str, nn.Module]]]:
    """The URL of a server of one bundle of each kind, the folder of the bundles, and the modules."""
    folder = tmp_path_factory.mktemp("kinds")
    modules = {kind.name: create(kind, folder) for kind in KINDS}
    chosen = load_settings(models_dir=folder / "models", factories=tuple({factory_of(kind) for kind in KINDS}))
    with served(Application(chosen).app) as url:
        yield url, folder / "models", modules


def bodies(inputs: Inputs) -> list[tuple[Inputs, dict[str, Any]]]:
    """The same rows in one body, and the first one alone in another."""
    rows = len(next(iter(inputs.values())))
    several = [{name: tensor[row].tolist() for name, tensor in inputs.items()} for row in range(rows)]
    return [
        (inputs, {"instances": several}),
        ({name: tensor[:1] for name, tensor in inputs.items()}, {"inputs": several[0]}),
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_model_answers_over_http_as_torch_does(
    kind: Kind, server: tuple[str, Path, dict[str, nn.Module]]
) -> None:
    url, models, modules = server
    signature = open_bundle(models / kind.name / "1").manifest.signature
    assert [each.name for each in signature.outputs] == list(kind.outputs)
    for length in kind.asked:
        inputs = kind.rows(ROWS, length)
        assert list(inputs) == list(inspect.signature(modules[kind.name].forward).parameters)
        assert [(each.name, each.datatype) for each in signature.inputs] == [
            (name, DATATYPES[tensor.dtype]) for name, tensor in inputs.items()
        ], "requests and signature have the names and types of forward's parameters"
        for asked, body in bodies(inputs):
            print(f"POST /v1/models/{kind.name}/predict {json.dumps(body)}")  # noqa: T201
            answer = httpx.post(f"{url}/v1/models/{kind.name}/predict", json=body, timeout=60)
            assert answer.status_code == 200, answer.text
            predictions = answer.json()["predictions"]
            for name, expected in zip(kind.outputs, wanted(kind, modules[kind.name], asked), strict=True):
                given = torch.tensor([each["outputs"][name] for each in predictions])
                torch.testing.assert_close(
                    given.double(),
                    expected.double(),
                    rtol=kind.tolerance,
                    atol=kind.tolerance,
                    msg=f"{kind.name} {name}",
                )


def wanted(kind: Kind, module: nn.Module, inputs: Inputs) -> list[torch.Tensor]:
    """The outputs of torch itself, in the order of the signature."""
    with torch.inference_mode():
        result = module(*inputs.values())
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, dict):
        return [result[name] for name in kind.outputs]
    return list(result)


def test_the_example_of_the_page_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```sh\n(plimsoll bundle create.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    create, ask = block.replace("\\\n", " ").strip().splitlines()
    module = GivesDict(30522).eval()
    torch.save(module.state_dict(), tmp_path / "pytorch_model.bin")
    for length in (8, 12):
        for name, tensor in {"ids": torch.arange(length), "mask": torch.ones(length, dtype=torch.int64)}.items():
            np.save(tmp_path / f"{name}{length}.npy", tensor.repeat(3, 1).numpy())
    monkeypatch.chdir(tmp_path)
    factory = "tests.doubles.kinds_of_models:big_vocabulary"
    ran = CliRunner().invoke(app, shlex.split(create.replace("ourmodels:sentiment", factory))[1:])
    assert ran.exit_code == 0, ran.output or ran.exception
    path, body = re.findall(r"127.0.0.1:8000(\S+) .* -d '(.*)'", ask)[0]
    with served(Application(load_settings(models_dir=tmp_path / "models", factories=(factory,))).app) as url:
        answer = httpx.post(url + path, content=body, headers={"Content-Type": "application/json"}, timeout=60)
    assert answer.status_code == 200, answer.text
    inputs = {name: torch.tensor([row]) for name, row in json.loads(body)["inputs"].items()}
    (logits,) = wanted(replace(KINDS[0], outputs=["logits"]), module, inputs)
    torch.testing.assert_close(torch.tensor([answer.json()["predictions"][0]["outputs"]["logits"]]), logits)


def test_a_request_in_another_type_shape_or_name_is_refused(server: tuple[str, Path, dict[str, nn.Module]]) -> None:
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
