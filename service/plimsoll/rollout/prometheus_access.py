"""Checks and reads what is needed to reach a Prometheus: its URL, a token and certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from plimsoll.errors import OperatorError
from plimsoll.plain_file import open_plain_file
from plimsoll.rollout.history import HistoryUnavailable

_MOST_FILE_BYTES = 1 << 20


def checked_url(text: str) -> httpx.URL:
    """The URL of a Prometheus.

    Raises:
        OperatorError: it is none, or has a password.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise OperatorError(
            "the URL of Prometheus should begin with http:// or https://, name a host, and have no ? or #; expected is "
            "one as http://prometheus:9090"
        )
    if url.userinfo:
        raise OperatorError(
            "the URL of Prometheus holds a user or a password, which everybody could read wherever the URL is kept or "
            "shown, as in the ConfigMap of a rollout; leave them out, and give a token by --token-file"
        )
    return url


def _read_file(path: Path, title: str) -> bytes:
    try:
        with open_plain_file(path) as stream:
            return stream.read(_MOST_FILE_BYTES)
    except OSError as error:
        raise HistoryUnavailable(f"the {title} {path.name} cannot be read: {error.strerror}") from None


def token(path: Path) -> str:
    """The bearer token in a file.

    Raises:
        HistoryUnavailable: there is none.
    """
    found = _read_file(path, "token file").strip()
    if not found or not all(0x21 <= byte <= 0x7E for byte in found):  # noqa: PLR2004  # the visible ones
        raise HistoryUnavailable(f"the token file {path.name} holds no token; expected one line of visible ASCII")
    return found.decode("ascii")


def read_authority(path: Path) -> bytes:
    """The content of a CA bundle.

    Raises:
        HistoryUnavailable: the file cannot be read.
    """
    return _read_file(path, "CA bundle")


def trusting(authority: bytes, path: Path) -> ssl.SSLContext:
    """A TLS context that trusts the certificates in a CA bundle; `path` is named in the error.

    Raises:
        HistoryUnavailable: it holds none.
    """
    try:
        return ssl.create_default_context(cadata=authority.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise HistoryUnavailable(f"the CA bundle {path.name} holds no certificates in PEM") from None
