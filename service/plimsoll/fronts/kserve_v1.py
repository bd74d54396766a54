"""KServe's v1 protocol: reads the bodies of /v1 in JSON, and writes the predictions alone."""

from __future__ import annotations

from plimsoll.errors import PlimsollError
from plimsoll.fronts import oip_errors
from plimsoll.fronts.v1_json import V1Json, json_reply
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer
from plimsoll.inference.ports import Json, Question, Reply
from plimsoll.inference.served_version import ServedVersion


class KServeV1(V1Json):
    """Implements `Front`. A body may have no declared media type, as many scripts send it."""

    protocol = "kserve"
    media_types: tuple[str, ...] = ("application/json", "")

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """The predictions of /v1, and nothing else."""
        del call
        return json_reply({"predictions": served.task.results(question, answer.outputs)}, answer.version)

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """The error as one sentence, as in the Open Inference Protocol."""
        del call
        return oip_errors.error_reply(error)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """The body with `instances`, which is the only one that the protocol knows."""
        content = super().body_content(item, row, examples)
        several = {name: example for name, example in examples.items() if "instances" in example["value"]}
        return {"schema": content["schema"]["oneOf"][1], "examples": several}
