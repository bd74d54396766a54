from __future__ import annotations

import asyncio
from typing import Any

import orjson
from plimsoll.fronts import V1
from plimsoll.fronts.v1_schema import ANY_ROW, PredictAnswer, predict_examples, request_body
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.number_rows import MAX_ROWS, RowReader
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.doubles.models import EchoModel, flat_signature
from tests.doubles.questions import QUESTION
from tests.doubles.reservations import decoded

EXAMPLES = predict_examples("features", [0.0, 0.5, 1.0])
BODY: dict[str, Any] = request_body(V1, "features", ANY_ROW, EXAMPLES)["content"]["application/json"]


def test_the_documented_examples_are_bodies_that_can_be_decoded() -> None:
    counts = [decoded(orjson.dumps(example["value"]), flat_signature(3)).rows for example in BODY["examples"].values()]
    assert counts == [1, 2]


def test_the_documented_number_of_rows_is_the_one_that_is_enforced() -> None:
    many = BODY["schema"]["oneOf"][1]["properties"]["instances"]
    assert (many["minItems"], many["maxItems"]) == (1, MAX_ROWS)


def test_a_row_of_an_input_has_its_length_and_its_bounds() -> None:
    schema = RowReader(flat_signature(3, minimum=0)).row_schema()
    assert (schema["minItems"], schema["maxItems"], schema["items"]) == (3, 3, {"type": "number", "minimum": 0})


def test_every_documented_example_of_an_answer_names_what_a_task_gives() -> None:
    (example,) = PredictAnswer.model_fields["predictions"].examples or []
    required = TabularClassification(flat_signature(3)).result_schema()["required"]
    assert [sorted(result) for result in example] == [sorted(required)]


def test_an_answer_is_what_the_documentation_says() -> None:
    model = EchoModel(flat_signature(3))
    rows = decoded(b'{"features": [0, 1, 0.5]}', model.signature)
    task = TabularClassification(model.signature)
    loop = asyncio.new_event_loop()
    try:
        lane = loop.run_until_complete(made(model))
        served = ServedVersion("echo", "1", model.signature, task, lane)
        answer = Answer("echo", "1", model.run(rows.inputs))
        content = V1[0].reply(Call(RequestHead()), served, QUESTION, answer).content
    finally:
        loop.close()
    documented = PredictAnswer.model_validate_json(content)
    assert documented.model_dump() == orjson.loads(content)
    assert documented.predictions == [{"class": "b", "probabilities": [0, 1, 0.5]}]


async def made(model: EchoModel) -> BatchLane:
    return BatchLane(model, LaneLimits(AdmissionLimits(8, 1000), BatchLimits(8, 0.0)))
