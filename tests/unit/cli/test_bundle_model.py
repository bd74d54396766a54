"""A bundle that answers without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plimsoll.cli.answering import Refused
from plimsoll.cli.bundle_model import BundleModel
from plimsoll.errors import BundleError, OperatorError
from plimsoll.settings import load_settings

from tests.contracts.generated import REPOSITORY
from tests.unit.cli.conftest import RunPlimsoll

DIGITS = REPOSITORY / "models" / "digits" / "1"
SEVEN = REPOSITORY / "examples" / "digits" / "7.json"


@pytest.fixture(scope="module")
def digits() -> BundleModel:
    return BundleModel(DIGITS, load_settings(device="cpu"))


def test_it_answers_as_a_server_does(digits: BundleModel) -> None:
    answer = digits.predict(json.loads(SEVEN.read_text()))
    assert (answer["model"], answer["version"]) == ("digits", "1")
    assert answer["predictions"][0]["class"] == 7
    assert answer["latency_ms"] > 0
    assert digits.predict(SEVEN.read_text())["predictions"] == answer["predictions"]
    facts = digits.facts_of(answer)
    assert (facts.task, len(facts.labels), digits.pinned(answer)) == ("tabular-classification", 10, digits)


def test_it_answers_its_golden_sample(digits: BundleModel) -> None:
    golden, answer = digits.golden()
    assert golden.predictions is not None
    assert [each["class"] for each in golden.predictions] == [each["class"] for each in answer["predictions"]]


def test_it_refuses_what_a_server_refuses(digits: BundleModel) -> None:
    with pytest.raises(Refused) as caught:
        digits.predict({"instances": [[0] * 784, [0]]})
    assert (caught.value.code, caught.value.index) == ("invalid_input", 1)
    assert "expected: 784 numbers; given: 1 number" in caught.value.sentence
    with pytest.raises(OperatorError, match="cannot be asked for this"):
        digits.predict({"text": "\ud800"})


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        BundleModel(tmp_path, load_settings(device="cpu"))


def test_the_command_asks_a_bundle(plimsoll: RunPlimsoll) -> None:
    image = str(REPOSITORY / "examples" / "digits" / "3.png")
    ran = plimsoll("predict", "--bundle", str(DIGITS), "--image", image, "--expect", "3")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["predictions"][0]["class"] == 3
    named = plimsoll("predict", "--bundle", str(DIGITS), "--image", image, "--model", "digits")
    assert (named.code, named.out) == (2, "")
    assert "leave out --model and --version" in named.complaint
