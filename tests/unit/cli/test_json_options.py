from __future__ import annotations

import orjson
import pytest
import typer
from plimsoll.cli.json_options import read_json


def test_a_value_of_the_kind_is_read() -> None:
    assert read_json("{}", dict, "--parameters") == {}
    assert read_json(b"[1]", list, "--requests", orjson.loads) == [1]


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("{", dict, "--labels is not JSON"),
        ("[" * 100_000, list, "--labels is not JSON"),
        ("[]", dict, "--labels should be a JSON object"),
        ("{}", list, "--labels should be a JSON array"),
    ],
)
def test_another_value_is_refused(text: str, kind: type, sentence: str) -> None:
    with pytest.raises(typer.BadParameter, match=sentence):
        read_json(text, kind, "--labels")
