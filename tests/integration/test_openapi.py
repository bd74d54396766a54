"""The documented API and the real one are the same.

schemathesis sends a real process what the documents allow and what they do not: the committed one, of a server with
nothing loaded, and the one that the process gives of itself.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.integration.conftest import BOTH_VERSIONS, REPOSITORY
from tests.integration.served_process import ServedProcess

committed = schemathesis.openapi.from_dict(json.loads((REPOSITORY / "tests/contracts/openapi.json").read_text()))
few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with both versions of digits."""
    file = tmp_path_factory.mktemp("state") / "desired.yaml"
    file.write_text(BOTH_VERSIONS)
    served = ServedProcess(models=REPOSITORY / "models")
    served.start(PLIMSOLL_DESIRED_STATE=str(file))
    yield served.ready()
    served.kill()


@committed.parametrize()
@few
def test_every_reply_is_documented(case: schemathesis.Case[Any], url: str) -> None:
    # How long a row must be is the model's affair: the document cannot say it, so a valid body may still be refused.
    _answered(case, url, [positive_data_acceptance])


@pytest.mark.parametrize("mode", GenerationMode)
def test_every_reply_is_as_the_server_itself_documents_it(url: str, mode: GenerationMode) -> None:
    statuses: dict[str, set[int]] = {}

    def ask(case: schemathesis.Case[Any]) -> None:
        # The routes for any model cannot say how long its rows are; those of one model can, and what fits is answered.
        # A schema cannot say what a line of CSV is either.
        cannot_say = "{name}" in case.operation.path or case.media_type == "text/csv"
        reply = _answered(case, None, [positive_data_acceptance] if cannot_say else [])
        statuses.setdefault(case.operation.path, set()).add(reply.status_code)

    for found in schemathesis.openapi.from_url(url + "/openapi.json").get_all_operations():
        assert isinstance(found, Ok), found
        with contextlib.suppress(Unsatisfiable):  # a route that takes nothing can be given nothing wrong
            few(given(found.ok().as_strategy(generation_mode=mode))(ask))()
    of_digits = statuses["/v1/models/digits/versions/1/predict"]
    assert (200 in of_digits) if mode is GenerationMode.POSITIVE else of_digits <= {400, 413, 415, 422, 504}


def test_every_example_of_the_server_is_answered_200(url: str) -> None:
    document = httpx.get(url + "/openapi.json").json()
    asked = []
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            places = [each for each in operation.get("parameters", ()) if each["in"] == "path"]
            if not all("example" in each for each in places):
                continue
            named = {each["name"]: each["example"] for each in places}
            for example in _examples_of(document, operation):
                reply = httpx.request(method, url + template.format(**named), json=example)
                assert reply.status_code == 200, (template, reply.text)
                asked.append(template)
    of_embeddings = {path for path in document["paths"] if path.startswith("/openai/")} - {"/openai/v1/models"}
    assert set(asked) == set(document["paths"]) - of_embeddings, "no model of this server makes embeddings"
    assert asked.count("/v1/models/digits/versions/1/predict") == 2


def _answered(case: schemathesis.Case[Any], url: str | None, excluded: list[Any]) -> Any:
    """The reply to a case, which is as documented and no error of the server's.

    A request that names a short time may be late, for which 504 is documented; schemathesis takes it for such an error.
    """
    reply = case.call_and_validate(base_url=url, excluded_checks=[*excluded, not_a_server_error])
    names_a_time = "x-request-timeout-ms" in {name.lower() for name in case.headers or {}}
    assert reply.status_code < 500 or (reply.status_code == 504 and names_a_time), (reply.status_code, reply.text)
    return reply


def _examples_of(document: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
    """The bodies that an operation shows; one that is no body where it takes none."""
    if "requestBody" not in operation:
        return [None]
    body = _found(document, operation["requestBody"])["content"]["application/json"]
    return [_found(document, example)["value"] for example in body["examples"].values()]


def _found(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for part in node.get("$ref", "#").split("/")[1:]:
        node = document = document[part]
    return node
