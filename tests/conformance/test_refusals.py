"""Requests that cannot be answered: that they fail, and the form in which they fail."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

from tests.conformance.bad_binary import BINARY_DATA, RAW
from tests.conformance.bad_requests import DATA, DOUBTFUL, INPUT, OBJECT, BadRequest, document_of
from tests.conformance.messages import Request, described, shown, strict_json
from tests.conformance.server import Server, error_of

INSIDE = re.compile(
    r"Traceback|File \"|line \d+, in |site-packages|\.(?:py|cc|cpp|h|go|rs):\d+"
    r"|(?<![\w/])/(?:usr|home|opt|root|tmp|app)/"
)
"""Traces, places in sources and paths of the server, which help an attacker and no client."""
EVERY = [*OBJECT, *INPUT, *DATA, *DOUBTFUL, *BINARY_DATA, *RAW]


def cases(requests: list[BadRequest]) -> pytest.MarkDecorator:
    """Runs a test with each of these requests."""
    return pytest.mark.parametrize("bad", requests, ids=lambda bad: bad.name)


class Refusals:
    """Sends each bad request once, and keeps the answer for the tests that look at it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._answers: dict[str, httpx.Response] = {}

    def of(self, bad: BadRequest) -> httpx.Response:
        """The answer to a bad request; skips if it belongs to an extension that is not advertised."""
        if bad.extension is not None and not self._server.has(bad.extension):
            pytest.skip(f"the server does not advertise {bad.extension}")
        if bad.name not in self._answers:
            self._answers[bad.name] = self._server.infer(bad.make(self._server))
        return self._answers[bad.name]


@pytest.fixture(scope="module")
def refusals(server: Server) -> Refusals:
    return Refusals(server)


@cases(OBJECT)
def test_a_wrong_request_object_is_an_error(refusals: Refusals, bad: BadRequest) -> None:
    """A body that is not the request object fails, with the error object of the text.

    Required: Inference Request JSON Object, Inference Response JSON Error Object.
    """
    error_of(refusals.of(bad))


@cases(INPUT)
def test_a_wrong_input_is_an_error(refusals: Refusals, bad: BadRequest) -> None:
    """An input without a field, or with a shape that cannot be or is not the model's, fails.

    Required: Request Input.
    """
    error_of(refusals.of(bad))


@cases(DATA)
def test_wrong_data_is_an_error(refusals: Refusals, bad: BadRequest) -> None:
    """Data that does not fill the shape, or cannot be of the datatype, fails.

    Required: Tensor Data.
    """
    error_of(refusals.of(bad))


@cases(DOUBTFUL)
def test_a_doubtful_request_is_an_error(refusals: Refusals, bad: BadRequest) -> None:
    """The text is silent about these, or lets the server coerce; an error shows the client its mistake.

    Recommended: Inference Request JSON Object.
    """
    response = refusals.of(bad)
    assert response.status_code >= 400, f"an error expected, {described(response)}"


@cases(BINARY_DATA)
def test_wrong_binary_data_is_an_error(refusals: Refusals, bad: BadRequest) -> None:
    """Sizes, header and body that contradict each other fail.

    Extension with binary_tensor_data: Binary Tensor Request.
    """
    error_of(refusals.of(bad))


@cases(RAW)
def test_a_wrong_raw_request_is_an_error(refusals: Refusals, bad: BadRequest) -> None:
    """A raw request needs a model with one input.

    Extension with binary_tensor_data: Raw Binary Request.
    """
    error_of(refusals.of(bad))


@cases(EVERY)
def test_an_error_of_the_client_has_such_a_status(refusals: Refusals, bad: BadRequest) -> None:
    """The text says "typically 400"; 5xx would say that the server failed (RFC 9110), and 422 is no status of the text.

    Recommended: Inference Response JSON Error Object.
    """
    response = refusals.of(bad)
    if response.status_code == 200:
        pytest.skip("the request was answered, which another test reports")
    assert 400 <= response.status_code < 500, f"a status from 400 to 499 expected, {described(response)}"
    assert response.status_code != 422, f"400 expected, {described(response)}"


@cases(EVERY)
def test_an_error_is_only_the_error(refusals: Refusals, bad: BadRequest) -> None:
    """The error object has the field `error` and no other.

    Recommended: Inference Response JSON Error Object.
    """
    document = _error_object(refusals.of(bad))
    assert list(document) == ["error"], f'{{"error": text}} expected, not {shown(document)}'


@cases(EVERY)
def test_an_error_keeps_the_inside_to_itself(refusals: Refusals, bad: BadRequest) -> None:
    """No trace, no place in a source and no path of the server is in the text of an error.

    Recommended: Inference Response JSON Error Object.
    """
    response = refusals.of(bad)
    if response.status_code == 200:
        pytest.skip("the request was answered, which another test reports")
    found = INSIDE.findall(response.text)
    assert found == [], f"the error has {found[0]!r}: {described(response)}"


def _error_object(response: httpx.Response) -> dict[str, object]:
    """The error object of an answer; skips where there is none, which other tests report."""
    try:
        document = strict_json(response.content)
    except AssertionError:
        document = None
    if response.status_code == 200 or not isinstance(document, dict) or "error" not in document:
        pytest.skip("the answer has no error object, which another test reports")
    return document


UNKNOWN = {"model": "/v2/models/no-such-model/infer", "version": "/v2/models/{model}/versions/987654/infer"}


def _infer_unknown(server: Server, path: str) -> httpx.Response:
    if "versions" in path and not server.versions:
        pytest.skip("the metadata lists no versions")
    return server.infer(server.request(server.tensors), path.format(model=server.target.model))


@pytest.mark.parametrize("path", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_model_or_version_is_an_error(server: Server, path: str) -> None:
    """A model or a version that the server does not have answers nothing.

    Required: Inference.
    """
    error_of(_infer_unknown(server, path))


@pytest.mark.parametrize("path", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_model_or_version_is_404(server: Server, path: str) -> None:
    """Its path names something that is not there.

    Recommended: Inference.
    """
    response = _infer_unknown(server, path)
    if response.status_code == 200:
        pytest.skip("the request was answered, which another test reports")
    assert response.status_code == 404, f"404 expected, {described(response)}"


ELSEWHERE: dict[str, Callable[[Server], httpx.Response]] = {
    "unknown-model": lambda server: _infer_unknown(server, UNKNOWN["model"]),
    "unknown-version": lambda server: _infer_unknown(server, UNKNOWN["version"]),
    "metadata-of-an-unknown-model": lambda server: server.get("/v2/models/no-such-model"),
    "unknown-path": lambda server: server.get("/v2/no-such-path"),
    "another-verb": lambda server: server.get(f"{server.model_path}/infer"),
}


@pytest.mark.parametrize("send", ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_error_elsewhere_is_only_the_error(server: Server, send: Callable[[Server], httpx.Response]) -> None:
    """Errors of paths and verbs have the field `error`, no other, and nothing of the inside.

    Recommended: Inference Response JSON Error Object.
    """
    response = send(server)
    document = _error_object(response)
    assert list(document) == ["error"], f'{{"error": text}} expected, not {shown(document)}'
    assert INSIDE.search(response.text) is None, f"the error shows the inside: {described(response)}"


def test_infer_takes_no_get(server: Server) -> None:
    """Inference is a POST; another verb is 405, with the error object.

    Recommended: HTTP/REST.
    """
    response = server.get(f"{server.model_path}/infer")
    error_of(response)
    assert response.status_code == 405, f"405 expected, {described(response)}"


def test_an_unknown_path_has_the_error_object(server: Server) -> None:
    """A path of /v2 that no section has is 404, with the error object.

    Recommended: HTTP/REST.
    """
    response = server.get("/v2/no-such-path")
    error_of(response)
    assert response.status_code == 404, f"404 expected, {described(response)}"


def test_another_media_type_is_answered_or_refused(server: Server) -> None:
    """The text ties no meaning to Content-Type: JSON under another type is read, or refused with the error object.

    Required: Inference Response JSON Error Object.
    """
    document_of(server)
    request = server.request(server.tensors)
    response = server.infer(Request(request.body, {"Content-Type": "text/x-unknown"}))
    if response.status_code != 200:
        error_of(response)
