"""The table of the kinds of models: complete, proven by the tests that it names, and made of documented commands."""

from __future__ import annotations

import re

import pytest

from tests.contracts.generated import REPOSITORY
from tests.contracts.kinds import KINDS, Proof, proven, read_records, short
from tests.doubles.kinds_of_models import KINDS as MADE

WANTED = {
    "classifier-by-name", "regressor-by-name", "uint8-nhwc", "float-nchw", "embedding-bag", "two-inputs",
    "several-outputs", "masked-transformer", "fp16", "bf16", "onnx-from-torch", "onnx-from-elsewhere", "module-prefix",
    "gives-dict", "hugging-face", "own-task", "gigabyte",
}  # fmt: skip
"""The kinds that the table must have."""
DOCUMENTED = "".join(page.read_text(encoding="utf-8") for page in (REPOSITORY / "docs").glob("*.md"))


def test_every_kind_has_a_record_and_every_record_a_kind() -> None:
    assert set(KINDS) >= WANTED
    assert list(read_records()) == list(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_the_test_of_a_kind_proves_it(name: str) -> None:
    kind = KINDS[name]
    source = (REPOSITORY / kind.test).read_text(encoding="utf-8")
    assert f'proven("{name}"' in source or (name in {each.name for each in MADE} and "proven(kind.name" in source)
    assert kind.nightly == kind.test.startswith("tests/large/")


@pytest.mark.parametrize("name", KINDS)
def test_the_commands_of_a_kind_are_documented(name: str) -> None:
    page = re.sub(r"<!-- kinds: .*?<!-- end of kinds -->", "", DOCUMENTED, flags=re.DOTALL)
    for command in read_records()[name]["commands"]:
        called = re.match(r"plimsoll (bundle [a-z-]+|init)", command)
        assert called is not None
        assert called[0] in page
        for option in re.findall(r"(?<= )'?(--[a-z-]+)", command):
            assert re.search(rf"{option}\b", page), option


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"features": [0.123456, -2.0, 3.5, 4.0]}, '{"features": [0.123, -2, …]}'),
        ({"x": [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9]]]}, '{"x": [[[1, 2, 3], …], …]}'),
        ({"x": [[1]], "y": [], "z": True, "text": "é"}, '{"x": [[1]], "y": [], "z": true, "text": "é"}'),
    ],
)
def test_long_lists_are_cut(value: object, shown: str) -> None:
    assert short(value) == shown


def test_a_proof_of_another_request_than_the_record_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLIMSOLL_RECORD_KINDS", raising=False)
    record = read_records()["fp16"]
    with pytest.raises(AssertionError, match="run make kinds-table"):
        proven("fp16", Proof([], "/v1/models/fp16/predict", {"inputs": {"rows": [1]}}, {}, 0.0))
    assert read_records()["fp16"] == record
