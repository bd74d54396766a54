"""A folder of Hugging Face, from `plimsoll init` to answers over HTTP that are those of transformers."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
import transformers
from plimsoll.application import Application
from plimsoll.bundle.folder import open_bundle
from plimsoll.cli.commands import app
from plimsoll.errors import BundleError
from plimsoll.settings import load_settings
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from typer.testing import CliRunner

from tests.contracts.kinds import Proof, proven
from tests.doubles.servers import served

VOCABULARY, POSITIONS, PAD = 200, 64, 3
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "max_position_embeddings": POSITIONS, "pad_token_id": PAD,
}  # fmt: skip
CONFIGS = {
    "bert": (transformers.BertConfig, transformers.BertForSequenceClassification, {"num_labels": 3}),
    "distilbert": (transformers.DistilBertConfig, transformers.DistilBertForTokenClassification, {"dim": 32}),
    "roberta": (transformers.RobertaConfig, transformers.RobertaModel, {}),
}
"""Real architectures with drawn weights: the weights of a trained model are no package."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(kind: str, folder: Path) -> torch.nn.Module:
    """Write the folder of a model as its maker does; returns the model."""
    config_of, model_of, further = CONFIGS[kind]
    torch.manual_seed(0)
    made = model_of(config_of(**SIZES | further))
    made.save_pretrained(folder / kind)
    Tokenizer(WordLevel({f"w{at}": at for at in range(VOCABULARY)}, unk_token="w0")).save(  # noqa: S106  # a word
        str(folder / kind / "tokenizer.json")
    )
    model: torch.nn.Module = made.eval()
    return model


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_folder_is_served_as_transformers_answers_it(kind: str, folder: Path) -> None:
    model = save(kind, folder)
    command = ["init", kind, "--no-ask"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output or ran.exception
    bundle = open_bundle(folder / "models" / kind / "1")
    assert "tokenizer.json" in bundle.manifest.files
    usable = POSITIONS - PAD - 1 if kind == "roberta" else POSITIONS
    assert bundle.manifest.options["padding"] == {
        "longest": usable, "mask": "attention_mask", "values": {"input_ids": PAD},
    }  # fmt: skip
    random = np.random.default_rng(1)
    rows = [random.integers(PAD + 1, VOCABULARY, length) for length in (1, 7, 8, 30, usable)]
    body = {"instances": [{"input_ids": row.tolist()} for row in rows]}
    path = f"/v1/models/{kind}/predict"
    print(f"POST {path} {json.dumps(body)[:300]}")  # noqa: T201  # for a person, with -s
    with served(Application(load_settings(models_dir=folder / "models")).app) as url:
        answer = httpx.post(url + path, json=body, timeout=60)
        longer = httpx.post(f"{url}/v1/predict", json={"inputs": {"input_ids": [9] * (usable + 1)}}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert longer.status_code == 422
    predictions, differences = answer.json()["predictions"], [0.0]
    for row, prediction in zip(rows, predictions, strict=True):
        ids = torch.from_numpy(row[None])
        with torch.inference_mode():
            expected = model(input_ids=ids, attention_mask=torch.ones_like(ids), return_dict=True)
        for name, given in prediction["outputs"].items():
            np.testing.assert_allclose(given, expected[name][0].numpy(), atol=1e-4, rtol=1e-3)
            differences.append(float(np.abs(given - expected[name][0].numpy()).max()))
    if kind == "bert":
        proven("hugging-face", Proof([command], path, body, predictions[0], max(differences)))


def test_code_that_is_not_of_transformers_is_not_run(folder: Path) -> None:
    (folder / "own").mkdir()
    config = {"model_type": "bert", "architectures": ["OwnModel"], "auto_map": {"AutoModel": "own.OwnModel"}}
    (folder / "own" / "config.json").write_text(json.dumps(config))
    (folder / "own" / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    ran = CliRunner().invoke(app, ["init", "own", "--no-ask"])
    assert ran.exit_code != 0
    assert "'OwnModel', which is not part of transformers" in str(ran.exception)
    assert not (folder / "ran").exists()
    assert not (folder / "models").exists()


def test_a_model_that_takes_no_tokens_is_refused_with_what_to_do(folder: Path) -> None:
    sizes = {name: SIZES[name] for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    config = transformers.ViTConfig(**sizes, intermediate_size=64, image_size=8, patch_size=4)
    transformers.ViTForImageClassification(config).save_pretrained(folder / "vit")
    ran = CliRunner().invoke(app, ["init", "vit", "--no-ask"])
    assert isinstance(ran.exception, BundleError)
    assert ran.exception.check == "format"
    assert ran.exception.message == (
        "ViTForImageClassification takes no tokens: its config.json has no vocab_size. Export it yourself, and give "
        "the .onnx file"
    )
    assert not (folder / "models").exists()


def test_weights_that_are_pickled_are_not_opened(folder: Path) -> None:
    save("bert", folder)
    weights = folder / "bert" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    ran = CliRunner().invoke(app, ["init", "bert", "--no-ask"])
    assert "they have to be safetensors" in str(ran.exception)
    assert not (folder / "models").exists()


def test_labels_are_refused_with_a_sentence(folder: Path) -> None:
    save("bert", folder)
    ran = CliRunner().invoke(app, ["init", "bert", "--no-ask", "--labels", '["a", "b", "c"]'])
    assert ran.exit_code == 2
    assert "--labels is not for a folder of Hugging Face" in ran.output
    assert not (folder / "models").exists()
