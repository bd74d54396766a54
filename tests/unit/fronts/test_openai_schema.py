"""The description of OpenAI's API: what it takes is what the front reads."""

from __future__ import annotations

import jsonschema_rs
import orjson
import pytest
from plimsoll.fronts.openai_request import FIELDS, parsed
from plimsoll.fronts.openai_schema import request_examples, request_schema


def test_the_fields_are_those_that_are_read() -> None:
    assert tuple(request_schema()["properties"]) == FIELDS


def test_the_examples_fit_the_schema_and_are_read() -> None:
    validator = jsonschema_rs.validator_for(request_schema())
    for example in request_examples("minilm", "a text").values():
        assert validator.is_valid(example["value"])
        assert set(parsed(orjson.dumps(example["value"])).texts) == {"a text"}


@pytest.mark.parametrize("body", [{"model": "a"}, {"model": "a", "input": [1]}, {"model": "a", "input": "a", "x": 1}])
def test_what_the_front_refuses_does_not_fit(body: dict[str, object]) -> None:
    assert not jsonschema_rs.validator_for(request_schema()).is_valid(body)
