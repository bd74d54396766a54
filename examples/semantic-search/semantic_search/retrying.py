"""Retries of HTTP requests that honour Retry-After."""

from __future__ import annotations

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_before_delay, wait_random_exponential

RETRIED = {
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.SERVICE_UNAVAILABLE,
    httpx.codes.GATEWAY_TIMEOUT,
}
_backoff = wait_random_exponential(multiplier=0.1, max=5)


class Away(Exception):
    """The other side gave no answer, or asked for a retry after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def retrying(seconds: float) -> Retrying:
    """Retries on `Away` as long as the next attempt begins within these seconds; then raises the last `Away`."""
    return Retrying(
        retry=retry_if_exception_type(Away), wait=_wait_seconds, stop=stop_before_delay(seconds), reraise=True
    )


def send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer to one attempt.

    Raises:
        Away: no answer came, or its status asks for a retry.
    """
    try:
        response = client.send(request)
    except httpx.TransportError as error:
        raise Away(f"{request.url.host} does not answer: {type(error).__name__}") from error
    if response.status_code in RETRIED:
        raise Away(f"{request.url.host} answers {response.status_code}", _asked_seconds(response))
    return response


def _asked_seconds(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _wait_seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after if isinstance(error, Away) else None
    return _backoff(state) if asked is None else asked
