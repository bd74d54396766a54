"""An ONNX file of another maker, from `plimsoll init` to answers over HTTP that are those of ONNX Runtime.

It is Google's classifier of file contents, Apache-2.0, as the package magika of PyPI ships it (tf2onnx, 3 MB).
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
from plimsoll.application import Application
from plimsoll.cli.commands import app
from plimsoll.settings import load_settings
from typer.testing import CliRunner

from tests.doubles.servers import served

FOLDER = Path(str(files("magika"))) / "models" / "standard_v3_3"
PADDING = 256


def beginning_and_end(content: bytes) -> list[int]:
    """The bytes of a file as its maker feeds them to the graph: 1024 from the start and 1024 from the end."""
    start, end = list(content.strip()[:1024]), list(content.strip()[-1024:])
    return start + [PADDING] * (1024 - len(start)) + [PADDING] * (1024 - len(end)) + end


def test_it_is_answered_as_its_runtime_answers_and_knows_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["init", str(FOLDER / "model.onnx"), "--name=magika", "--maximum=256", "--no-ask"])
    assert ran.exit_code == 0, ran.output or ran.exception
    rows = [beginning_and_end(Path(__file__).read_bytes()), beginning_and_end(b"{}" * 600)]
    with served(Application(load_settings(models_dir=tmp_path / "models")).app) as url:
        body = {"instances": [{"bytes": row} for row in rows]}
        reply = httpx.post(f"{url}/v1/models/magika/predict", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    given = [each["outputs"]["target_label"] for each in reply.json()["predictions"]]
    session = onnxruntime.InferenceSession((FOLDER / "model.onnx").read_bytes())
    (expected,) = session.run(None, {"bytes": np.array(rows, np.int32)})
    np.testing.assert_allclose(given, expected, atol=1e-5)
    labels = json.loads((FOLDER / "config.min.json").read_bytes())["target_labels_space"]
    assert labels[int(np.argmax(given[0]))] == "python"
