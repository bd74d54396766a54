"""The command `mlserver infer`: a file of requests, one a line, to a file of answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clients.client_process import CLIENTS
from tests.clients.served import MEASURED, PLACE, Served


def mlserver_infer(folder: Path, address: str, model: str, requests: list[Any], *options: str) -> list[Any]:
    """The answers in the order of the requests; `folder` gets the files."""
    given, answered = folder / "requests.jsonl", folder / "answers.jsonl"
    given.write_text("".join(f"{json.dumps(each)}\n" for each in requests))
    files = ["-i", str(given), "-o", str(answered)]
    command = [str(CLIENTS / "mlserver"), "infer", "-u", address, "-m", model, *files, "-r", "1"]
    ran = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(line) for line in answered.read_text().splitlines()]
    return sorted(answers, key=lambda answer: int(answer["parameters"]["batch_index"]))


def requests() -> list[Any]:
    """A request for each row of `places`, of which the second one asks for one output."""
    made = [
        {
            "id": f"row-{row}",
            "inputs": [
                {"name": "place", "datatype": "INT64", "shape": [1], "data": [int(PLACE[row])]},
                {"name": "measured", "datatype": "FP32", "shape": [1, 2], "data": MEASURED[row].tolist()},
            ],
        }
        for row in range(len(PLACE))
    ]
    return [made[0], {**made[1], "outputs": [{"name": "scores"}]}]


@pytest.mark.parametrize("options", [[], ["--binary-data"]], ids=str)
def test_mlserver_infer(served: Served, tmp_path: Path, options: list[str]) -> None:
    answers = mlserver_infer(tmp_path, served.address, "places", requests(), *options)
    assert [each["id"] for each in answers] == ["row-0", "row-1"]
    assert [[output["name"] for output in each["outputs"]] for each in answers] == [["scores", "best"], ["scores"]]
    expected = served.places()["scores"]
    for answer, row in zip(answers, expected, strict=True):
        assert (answer["model_name"], answer["model_version"]) == ("places", "1")
        assert np.allclose(answer["outputs"][0]["data"], row, rtol=1e-5)


def test_mlserver_infer_in_batches(served: Served, tmp_path: Path) -> None:
    rows = [requests()[0], {**requests()[0], "id": "again"}, {**requests()[0], "id": "and again"}]
    answers = mlserver_infer(tmp_path, served.address, "places", rows, "--batch-size", "3")
    assert [each["id"] for each in answers] == ["row-0", "again", "and again"]
    assert len({json.dumps(each["outputs"]) for each in answers}) == 1


def test_mlserver_infer_errors(served: Served, tmp_path: Path) -> None:
    (answer,) = mlserver_infer(tmp_path, served.address, "nobody", requests()[:1])
    path = "/v2/models/nobody/infer"
    assert served.sentence("POST", path, json=requests()[0]) in answer["error"]["msg"]
