from __future__ import annotations

from typing import Any

import orjson
from plimsoll.fronts.v1_json import MAX_ROWS, encode
from plimsoll.fronts.v1_schema import PREDICT_REQUEST_BODY, PredictAnswer, row_schema
from plimsoll.inference.payloads import Answer

from tests.doubles.models import EchoModel, flat_signature
from tests.doubles.reservations import decoded

BODY: dict[str, Any] = PREDICT_REQUEST_BODY["content"]["application/json"]


def test_the_documented_examples_are_bodies_that_can_be_decoded() -> None:
    counts = [decoded(orjson.dumps(example["value"]), flat_signature(3)).rows for example in BODY["examples"].values()]
    assert counts == [1, 2]


def test_the_documented_number_of_rows_is_the_one_that_is_enforced() -> None:
    many = BODY["schema"]["oneOf"][1]["properties"]["instances"]
    assert (many["minItems"], many["maxItems"]) == (1, MAX_ROWS)


def test_a_row_of_an_input_has_its_length_and_its_bounds() -> None:
    (spec,) = flat_signature(3, minimum=0).inputs
    schema = row_schema(spec)
    assert (schema["minItems"], schema["maxItems"], schema["items"]) == (3, 3, {"type": "number", "minimum": 0})


def test_an_answer_is_what_the_documentation_says() -> None:
    model = EchoModel(flat_signature(3))
    rows = decoded(b'{"features": [0, 1, 0.5]}', model.signature)
    content = encode(Answer("echo", "1", model.run(rows.inputs)), model.signature, 0.5)
    answer = PredictAnswer.model_validate_json(content)
    assert answer.model_dump(by_alias=True) == orjson.loads(content)
    assert answer.predictions[0].class_ == "b"
