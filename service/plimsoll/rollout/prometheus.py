"""Asks a Prometheus, and says in one sentence why it gives no answer."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential
from tenacity.wait import wait_base

from plimsoll.errors import OperatorError
from plimsoll.plain_file import open_plain_file
from plimsoll.rollout.history import HistoryUnavailable

MOST_REPLY_BYTES = 8 << 20
"""A longer reply is not read to its end. It has about 300 000 samples, and with all that is made of it takes 40 MiB."""
_REPLY_SECONDS = 30.0
_TRIES = 3
_TRYING_SECONDS = 30.0
_MOST_FILE_BYTES = 1 << 20
_THIS_MACHINE = ("all://localhost", "all://127.0.0.1", "all://[::1]")
_LOGIN = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_OF_THE_QUERY = (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)
_PASSING = (
    *(httpx.codes.TOO_MANY_REQUESTS, httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE),
    httpx.codes.GATEWAY_TIMEOUT,
)


class QueryRefused(HistoryUnavailable):
    """Prometheus refuses an expression. `said` holds its own words."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


class ReplyTooLong(HistoryUnavailable):
    """The reply has more than `MOST_REPLY_BYTES` bytes."""


class _Passing(HistoryUnavailable):
    """A failure that may be over at the next try."""


class Series(msgspec.Struct, frozen=True):
    """One series of a reply: its labels, its sample at a time, and those at the points of a grid as they were sent."""

    metric: dict[str, str]
    sent: msgspec.Raw = msgspec.field(name="values", default=msgspec.Raw(b"[]"))
    value: tuple[float, str] | None = None

    @property
    def values(self) -> list[tuple[float, str]]:
        """The samples as times in seconds and texts of numbers. They are made at each call, since they take much room.

        Raises:
            HistoryUnavailable: they are none.
        """
        samples = _decoded(self.sent, list[tuple[float, str]])
        if samples is None:
            raise HistoryUnavailable("Prometheus answers with samples that are none; check what is at its URL")
        return samples


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Reply(msgspec.Struct, rename="camel"):
    status: str
    data: _Data | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Equally spaced points of time, in seconds since 1970."""

    start_seconds: float
    step_seconds: float
    points: int

    def place(self, seconds: float) -> int:
        """The index of the point nearest to a time."""
        return round((seconds - self.start_seconds) / self.step_seconds)

    @property
    def end_seconds(self) -> float:
        """The last point."""
        return self.start_seconds + self.step_seconds * (self.points - 1)


class Prometheus:
    """A Prometheus, or another server with its HTTP API. May be used on several threads.

    The token and the CA bundle are read again for each query, because Kubernetes replaces them while a process runs.

    Args:
        url: of its API, such as http://prometheus:9090 or https://example.com/prometheus.
        token_file: a file with a bearer token.
        ca_file: a file with certificates in PEM; the server's has to be signed by one of them.
        pause: time between two tries.
        timeout_seconds: of one read, write or connection.
        transport: another way to send requests, for tests.

    Raises:
        OperatorError: `url` is none.
    """

    def __init__(
        self,
        url: str,
        token_file: Path | None = None,
        ca_file: Path | None = None,
        *,
        timeout_seconds: float = 10.0,
        pause: wait_base | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = _checked_url(url)
        self._token_file = token_file
        self._ca_file = ca_file
        self._timeout_seconds = timeout_seconds
        self._pause = pause or wait_random_exponential(multiplier=0.3, max=3.0)
        self._transport = transport
        self._client: httpx.Client | None = None
        self._authority = b""
        self._changing = threading.Lock()

    @property
    def name(self) -> str:
        """The words for it in messages; a password in its URL is left out."""
        return f"Prometheus at {self._url.copy_with(username=None, password=None)}"

    def ask(self, expr: str, at_seconds: float | None = None) -> list[Series]:
        """The vector that an expression has at a time, or now.

        Raises:
            HistoryUnavailable: there is no answer.
        """
        at = {} if at_seconds is None else {"time": f"{at_seconds:.3f}"}
        return self._send("query", {"query": expr, **at})

    def ask_range(self, expr: str, grid: Grid) -> list[Series]:
        """The values that an expression has at each point of a grid.

        Raises:
            HistoryUnavailable: there is no answer.
        """
        return self._send(
            "query_range",
            {
                "query": expr,
                "start": f"{grid.start_seconds:.3f}",
                "end": f"{grid.end_seconds + grid.step_seconds / 10:.3f}",
                "step": f"{grid.step_seconds:.3f}",
            },
        )

    def close(self) -> None:
        """Close its connections."""
        with self._changing:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _send(self, path: str, parameters: dict[str, str]) -> list[Series]:
        tries = Retrying(
            stop=stop_after_attempt(_TRIES) | stop_after_delay(_TRYING_SECONDS),
            wait=self._pause,
            retry=retry_if_exception_type(_Passing),
            reraise=True,
        )
        return tries(self._send_once, path, parameters)

    def _send_once(self, path: str, parameters: dict[str, str]) -> list[Series]:
        client, headers = self._prepared()
        try:
            with client.stream("POST", f"/api/v1/{path}", data=parameters, headers=headers) as reply:
                return self._read(reply, self._body(reply))
        except httpx.TransportError as failure:
            raise self._unreachable(failure) from None
        except httpx.HTTPError as failure:
            raise HistoryUnavailable(f"{self.name} gives an answer that cannot be read: {failure}") from None

    def _unreachable(self, failure: httpx.TransportError) -> HistoryUnavailable:
        why = str(failure) or type(failure).__name__
        if "CERTIFICATE" in why.upper():
            return HistoryUnavailable(
                f"the certificate of {self.name} cannot be verified: {why}; give its certificate authority by --ca-file"
            )
        return _Passing(f"no answer from {self.name}: {why}; check that it runs there and can be reached from here")

    def _body(self, reply: httpx.Response) -> bytearray:
        body = bytearray()
        deadline = time.monotonic() + _REPLY_SECONDS
        for chunk in reply.iter_bytes():
            body += chunk
            if len(body) > MOST_REPLY_BYTES:
                raise ReplyTooLong(f"{self.name} gives an answer of more than {MOST_REPLY_BYTES >> 20} MiB")
            if time.monotonic() > deadline:
                raise _Passing(f"{self.name} has not finished its answer within {_REPLY_SECONDS:g} s")
        return body

    def _read(self, reply: httpx.Response, body: bytearray) -> list[Series]:
        if reply.status_code in _LOGIN:
            given = "no token" if self._token_file is None else f"the token in {self._token_file.name}"
            raise HistoryUnavailable(
                f"{self.name} refuses the request with {reply.status_code}; given was {given}, expected is "
                "--token-file with the token of an account that may query it"
            )
        answer = _decoded(body, _Reply)
        said = "" if answer is None else answer.error[:500]
        if reply.status_code in _PASSING:
            raise _Passing(
                f"{self.name} answers {reply.status_code}: {said or 'it does not say why'}; wait until it is ready"
            )
        if answer is None or (answer.status == "success" and answer.data is None):
            raise HistoryUnavailable(
                f"{self.name} answers {reply.status_code}, and not as a Prometheus does; expected is the URL to which "
                "/api/v1/query can be added"
            )
        if answer.status != "success" or answer.data is None:
            what = "refuses the query" if reply.status_code in _OF_THE_QUERY else "cannot answer the query"
            raise QueryRefused(f"{self.name} {what} ({reply.status_code}): {said}", said)
        series = _decoded(answer.data.result, list[Series])
        if series is None:
            raise QueryRefused(
                f"{self.name} answers with a {answer.data.result_type}; expected is an expression that selects series",
                f"it is a {answer.data.result_type}, and selects no series",
            )
        return series

    def _prepared(self) -> tuple[httpx.Client, dict[str, str]]:
        headers = {} if self._token_file is None else {"Authorization": f"Bearer {_token(self._token_file)}"}
        authority = b"" if self._ca_file is None else _read_file(self._ca_file, "CA bundle")
        with self._changing:
            if self._client is None or authority != self._authority:
                replaced, self._client = self._client, self._new_client(authority)
                self._authority = authority
                if replaced is not None:
                    replaced.close()
            return self._client, headers

    def _new_client(self, authority: bytes) -> httpx.Client:
        direct: dict[str, httpx.BaseTransport | None] = dict.fromkeys(_THIS_MACHINE)
        return httpx.Client(
            base_url=self._url,
            timeout=self._timeout_seconds,
            verify=True if self._ca_file is None else _trusting(authority, self._ca_file),
            mounts=None if self._transport else direct,  # no proxy leads to this machine
            transport=self._transport,
        )


def _checked_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise OperatorError(
            "the URL of Prometheus should begin with http:// or https://, name a host, and have no ? or #; expected is "
            "one as http://prometheus:9090"
        )
    return url


def _read_file(path: Path, title: str) -> bytes:
    try:
        with open_plain_file(path) as stream:
            return stream.read(_MOST_FILE_BYTES)
    except OSError as error:
        raise HistoryUnavailable(f"the {title} {path.name} cannot be read: {error.strerror}") from None


def _token(path: Path) -> str:
    token = _read_file(path, "token file").strip()
    if not token or not all(0x21 <= byte <= 0x7E for byte in token):  # noqa: PLR2004  # the visible ones
        raise HistoryUnavailable(f"the token file {path.name} holds no token; expected one line of visible ASCII")
    return token.decode("ascii")


def _trusting(authority: bytes, path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise HistoryUnavailable(f"the CA bundle {path.name} holds no certificates in PEM") from None


_Kind = TypeVar("_Kind")


def _decoded(document: bytearray | msgspec.Raw, kind: type[_Kind]) -> _Kind | None:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
