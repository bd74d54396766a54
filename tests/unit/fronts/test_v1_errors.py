"""The sentences of /v1 that name its own paths; tests/unit/api/test_error_responses.py has the rest."""

from __future__ import annotations

import orjson
import pytest
from plimsoll.errors import ClientGone, LoadFailed, Loading, NoDefaultModel, PlimsollError, Stuck
from plimsoll.fronts.v1_errors import error_reply


def message(error: PlimsollError) -> str:
    said: str = orjson.loads(error_reply(error, "id-1").content)["error"]["message"]
    return said


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Loading("version 2 of model 'a' is not ready", model="a"), "is not ready; /v1/models/a tells its state"),
        (Stuck("model 'a' is stuck", model="a"), "model 'a' is stuck; /v1/models/a tells its state"),
        (LoadFailed("model 'a' could not be loaded", model="a"), "; /v1/models/a tells which check failed"),
        (Loading("nothing is loaded yet"), "nothing is loaded yet"),
        (
            NoDefaultModel("exactly one loaded model or PLIMSOLL_DEFAULT_MODEL"),
            "DEFAULT_MODEL; POST to /v1/models/{name}/predict instead",
        ),
    ],
)
def test_an_error_of_the_line_is_told_with_the_path_that_helps(error: PlimsollError, sentence: str) -> None:
    assert message(error).endswith(sentence)


def test_who_has_left_gets_no_body() -> None:
    reply = error_reply(ClientGone("left"), "id-1")
    assert (reply.status, reply.content) == (499, b"")
