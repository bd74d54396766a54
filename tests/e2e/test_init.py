"""A model that is not of this repository: from its file to an answer in a pod, by `plimsoll init` and its commands."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.built_image import built
from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster, run
from tests.e2e.release import CHART
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

MODEL = Path(str(files("magika"))) / "models" / "standard_v3_3" / "model.onnx"
"""Google's classifier of file contents, Apache-2.0, from the package magika of PyPI."""
_PLIMSOLL = Path(sys.executable).with_name("plimsoll")


def test_a_foreign_graph_is_answered_in_a_pod_by_the_printed_commands(
    cluster: Cluster, slim_image: str, client: ClientPod, transcript: Transcript, tmp_path: Path
) -> None:
    init = [str(_PLIMSOLL), "init", str(MODEL), "--name", "magika", "--maximum", "256", "--licence", "Apache-2.0"]
    made = subprocess.run([*init, "--no-ask"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    build, install = made.stdout.partition("Try it on a cluster:")[2].split("\n\n")[1].strip().splitlines()
    assert build == "docker build --file magika-1.Dockerfile --tag magika:1 ."
    built("magika:1", slim_image, tmp_path, "--file", str(tmp_path / "magika-1.Dockerfile"))
    command = shlex.split(install.replace("charts/plimsoll", str(CHART)))
    values = str(tmp_path / "magika-1-values.yaml")
    run(*(values if word == "magika-1-values.yaml" else word for word in command), "--namespace", cluster.namespace)
    body = (tmp_path / "magika-1-request.json").read_text()
    client.put("/tmp/magika.json", body)  # noqa: S108  # in the pod
    answer = client.first_answer("http://magika:8000/v1/models/magika/predict", "/tmp/magika.json")  # noqa: S108
    assert answer["status"] == 200, str(answer)
    (prediction,) = json.loads(answer["body"])["predictions"]
    np.testing.assert_allclose(prediction["outputs"]["target_label"], _answer_of_the_graph(body), atol=1e-5)
    run("helm", "--namespace", cluster.namespace, "uninstall", "magika", "--wait")
    transcript.note("a foreign ONNX file, by plimsoll init and its two commands", "answered as ONNX Runtime answers it")


def _answer_of_the_graph(body: str) -> list[float]:
    import onnxruntime

    rows = np.array([json.loads(body)["inputs"]["bytes"]], np.int32)
    (labels,) = onnxruntime.InferenceSession(MODEL.read_bytes()).run(None, {"bytes": rows})
    found: list[float] = labels[0].tolist()
    return found
