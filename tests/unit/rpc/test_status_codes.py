from __future__ import annotations

import grpc
import pytest
from plimsoll import errors
from plimsoll.errors import ClientGone, InvalidInput, ModelFailed, NotFound, Overloaded, PlimsollError
from plimsoll.rpc.status_codes import failure_of

CODES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED", 409: "FAILED_PRECONDITION", 413: "RESOURCE_EXHAUSTED", 422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED", 431: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED", 507: "RESOURCE_EXHAUSTED",
}  # fmt: skip
OF_HTTP_ALONE = {405, 414, 415}
"""Statuses of a method, a path and a media type, which gRPC itself answers."""


def tree(base: type[PlimsollError]) -> list[type[PlimsollError]]:
    """The error and those below it that a server can raise; a rollout's are for the command line."""
    below = [each for child in base.__subclasses__() for each in tree(child)]
    return [each for each in (base, *below) if not each.__module__.startswith("plimsoll.rollout")]


@pytest.mark.parametrize("kind", tree(PlimsollError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code(kind: type[PlimsollError]) -> None:
    error = kind("check", "message") if issubclass(kind, errors.BundleError) else kind("message")
    if kind.status not in OF_HTTP_ALONE:
        assert failure_of(error, "r-1").code.name == CODES[kind.status]


def test_the_message_is_one_sentence_with_the_contract() -> None:
    error = InvalidInput("the row is too long", expected="2 numbers", given="3 numbers", index=4)
    failure = failure_of(error, "r-1")
    assert failure.details == "the row is too long in row 4; expected 2 numbers; given 3 numbers"
    assert failure.metadata == (("x-request-id", "r-1"),)


def test_a_client_hears_when_it_may_try_again() -> None:
    error = Overloaded("the queue is full")
    error.retry_after_seconds = 3
    assert failure_of(error, "r-1").metadata == (("x-request-id", "r-1"), ("grpc-retry-pushback-ms", "3000"))


def test_an_internal_error_is_not_shown_and_one_of_the_model_is() -> None:
    assert "secret" not in failure_of(PlimsollError("secret"), "r-1").details
    assert failure_of(ModelFailed("the model failed"), "r-1") == (
        grpc.StatusCode.INTERNAL, "the model failed", (("x-request-id", "r-1"),)
    )  # fmt: skip
    assert failure_of(ClientGone("gone"), "r-1").code is grpc.StatusCode.CANCELLED


def test_a_long_message_is_cut() -> None:
    names = ", ".join(f"model-{number}" for number in range(1000))
    assert len(failure_of(NotFound("there is no model", expected=names), "r-1").details) == 2000
