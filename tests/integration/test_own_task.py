"""The examples of tasks of one's own: each bundle made by its script, and all three served by one process."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch
from safetensors.torch import load_file

from tests.contracts.kinds import Proof, proven
from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess

# The first test waits for three scripts, each of which trains a model and runs two commands: minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)

EXAMPLES = ("penguins", "two_models", "tokenizer")
LEAST_RIGHT_PERCENT = {"penguins": 95, "two_models": 85, "tokenizer": 60}
TASKS = {"penguins": "penguins:Penguins", "pictures": "pictures:Pictures", "names": "names:Names"}
FACTORIES = [*TASKS.values(), "penguins:Classifier", "pictures:Both", "names:BagOfPieces"]
WEIGHTS = "weights.safetensors"
PENGUIN = {"island": "Dream", "sex": "female", "bill_length_mm": 46.5, "bill_depth_mm": 17.9, "body_mass_g": 3500}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the examples in a copy of the repository, where their scripts have made the three bundles."""
    folder = tmp_path_factory.mktemp("own-task")
    shutil.copytree(REPOSITORY / "examples" / "own-task", folder / "examples" / "own-task")
    (folder / "training").mkdir()
    shutil.copy(REPOSITORY / "training" / "digits-heldout.npz", folder / "training")
    examples = folder / "examples" / "own-task"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    for name in EXAMPLES:
        script = ["bash", str(examples / name / "make_bundle.sh")]
        made = subprocess.run(script, env=environment, capture_output=True, text=True, check=False, timeout=180)
        assert made.returncode == 0, made.stderr
        right = re.search(r"right on the \d+ \w+ it has not seen: ([0-9.]+)%", made.stdout)
        assert right is not None, made.stdout
        assert float(right[1]) >= LEAST_RIGHT_PERCENT[name]
        shutil.copytree(examples / name / "models", examples / "models", dirs_exist_ok=True)
    return examples


@pytest.fixture(scope="module")
def served(examples: Path) -> Iterator[ServedProcess]:
    """A server of the three bundles."""
    process = ServedProcess(models=examples / "models")
    packages = ":".join(str(examples / name) for name in EXAMPLES)
    process.start(PYTHONPATH=packages, PLIMSOLL_FACTORIES=",".join(FACTORIES))
    process.ready()
    yield process
    process.kill()


def ask(served: ServedProcess, model: str, body: object) -> httpx.Response:
    return httpx.post(f"{served.url}/v1/models/{model}/predict", json=body, timeout=30)


@pytest.mark.parametrize(
    ("model", "body", "fact", "value"),
    [
        ("penguins", {"penguin": PENGUIN}, "species", "Chinstrap"),
        ("names", {"text": "Dutch"}, "kind", "Natural Language"),
        ("names", {"instances": ["GNU General Public License v3 (GPLv3)"]}, "kind", "License"),
    ],
)
def test_each_answers_over_http(served: ServedProcess, model: str, body: object, fact: str, value: str) -> None:
    reply = ask(served, model, body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["predictions"][0][fact] == value
    assert reply.json()["version"] == "2"


def test_the_penguins_are_answered_as_torch_answers_their_measurements(served: ServedProcess, examples: Path) -> None:
    folder = examples / "penguins"
    reply = ask(served, "penguins", {"penguin": PENGUIN})
    (prediction,) = reply.json()["predictions"]
    layer = torch.nn.Linear(8, 3)
    layer.load_state_dict({name.removeprefix("layer."): each for name, each in load_file(folder / WEIGHTS).items()})
    row = torch.tensor([0.0, 1, 0, 1, 0, 4.65, 1.79, math.log(3500)])  # on Dream, female
    with torch.inference_mode():
        expected = torch.softmax(layer(row), 0)
    assert prediction["species"] == ("Adelie", "Chinstrap", "Gentoo")[int(expected.argmax())]
    difference = abs(prediction["probability"] - float(expected.max()))
    assert difference <= 0.00005 + 1e-6, "the task gives four places"
    script = (folder / "make_bundle.sh").read_text().replace("\\\n", " ")
    commands = [shlex.split(line)[1:] for line in script.splitlines() if line.startswith("plimsoll ")]
    path = "/v1/models/penguins/predict"
    proven("own-task", Proof(commands, path, {"penguin": PENGUIN}, prediction, difference))


def test_two_models_in_a_row_know_a_digit_from_a_picture(served: ServedProcess) -> None:
    (body,) = json.loads((REPOSITORY / "examples/own-task/two_models/requests.json").read_text())
    first = ask(served, "pictures", body).json()["predictions"][0]
    assert first["digit"] == 7
    assert all(chance >= 0.05 for chance in first["others"].values())
    wrong = ask(served, "pictures", {"instances": [body["picture"], [[256] * 28] * 28]})
    assert (wrong.status_code, wrong.json()["error"]["index"]) == (422, 1)


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        ("penguins", {"penguin": {**PENGUIN, "body_mass_g": 3.5}}, "the body mass looks like kilograms"),
        ("penguins", {"penguin": {**PENGUIN, "island": "Elba"}}, "the field 'island' has an unknown value"),
        ("penguins", {"penguin": {"island": "Dream"}}, "the field 'body_mass_g' is missing"),
        ("names", {"text": "  "}, "the text has the wrong length"),
        ("names", {"text": 7}, "'text' has the wrong type"),
        ("pictures", {"picture": [[]] * 28}, "the picture has another size"),
    ],
)
def test_a_mistake_of_the_client_is_422(served: ServedProcess, model: str, body: object, message: str) -> None:
    reply = ask(served, model, body)
    assert (reply.status_code, reply.json()["error"]["message"]) == (422, message)


def test_their_own_metrics_are_exported(served: ServedProcess) -> None:
    ask(served, "penguins", {"penguin": {**PENGUIN, "body_mass_g": 4}})
    ask(served, "names", {"text": "zzqx"})
    scrape = httpx.get(served.url + "/metrics").text
    for model, name in (("penguins", "kilograms"), ("names", "unknown_pieces")):
        found = re.search(rf'plimsoll_task_events_total{{model="{model}",name="{name}",version="2"}} ([0-9.]+)', scrape)
        assert found is not None
        assert float(found[1]) >= 1


@pytest.mark.parametrize("model", TASKS)
def test_the_document_shows_the_rows_and_each_example_is_answered(served: ServedProcess, model: str) -> None:
    components = httpx.get(served.url + "/openapi.json").json()["components"]
    row = components["requestBodies"][f"{model}.2"]["content"]["application/json"]["schema"]["oneOf"][0]
    (field,) = row["required"]
    assert row["properties"][field]["type"] in ("object", "array", "string")
    for name in ("one-row", "two-rows"):
        example = components["examples"][f"{model}.2.{name}"]["value"]
        assert ask(served, model, example).status_code == 200


def test_the_page_shows_the_examples_as_they_stand() -> None:
    page = (REPOSITORY / "docs" / "own-task.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert shown
    source = (REPOSITORY / "examples" / "own-task" / "penguins" / "penguins.py").read_text(encoding="utf-8")
    assert all(line in source for line in shown[0].splitlines() if line.strip() and "..." not in line)
