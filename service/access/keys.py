"""API keys: random on the client's side, hashed on the server's.

A key is 256 random bits, so its sha256 cannot be guessed back and needs neither salt nor stretching; those are for
passwords, which people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from service.errors import OperatorError

Scope = Literal["predict", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "plim_"
"""So that a scanner for leaked secrets knows one when it sees it."""
MAX_DOCUMENT_BYTES = 1 << 20
_KEY_BYTES = 32


class KeyFileError(OperatorError):
    """The key file cannot be used; the message says which entry is at fault and never holds a key."""


class KeyEntry(BaseModel):
    """One key as the file holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    label: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    keys: Annotated[list[KeyEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        labels = [entry.label for entry in self.keys]
        if len(set(labels)) != len(labels):
            raise ValueError("two keys share a label; give each one of its own")
        return self


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys that are good now. Immutable: a changed file makes a new ring."""

    entries: tuple[KeyEntry, ...]

    def find(self, key: str) -> KeyEntry | None:
        """The entry of a presented key.

        Every entry is compared, each in constant time, so that neither the time nor the place of a near miss tells
        anything.
        """
        digest = hashlib.sha256(key.encode(errors="replace")).hexdigest()
        found = None
        for entry in self.entries:
            if hmac.compare_digest(entry.sha256, digest):
                found = entry
        return found


def read_keys(file: Path) -> KeyRing:
    """The ring in a YAML file with `keys`, each with `label`, `sha256` and `scopes`.

    Raises:
        KeyFileError: it cannot be read, or an entry is wrong; one with a plain key says how to hash it.
    """
    try:
        with file.open("rb") as stream:
            document = stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"the key file {file} cannot be read: {error.strerror}") from None
    if len(document) > MAX_DOCUMENT_BYTES:
        raise KeyFileError(f"the key file {file} is longer than {MAX_DOCUMENT_BYTES} bytes")
    try:
        return KeyRing(tuple(_KeyFile.model_validate(yaml.safe_load(document)).keys))
    except ValidationError as error:
        faults = "; ".join(_sentence(tuple(fault["loc"]), fault["msg"]) for fault in error.errors(include_input=False))
        raise KeyFileError(f"the key file {file} is wrong: {faults}") from None
    except Exception:  # noqa: BLE001  # PyYAML raises much, and its messages quote the file, where a key may stand
        raise KeyFileError(f"the key file {file} is not YAML") from None


def new_key() -> tuple[str, str]:
    """A fresh key, and the sha256 that the file is to hold."""
    key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    return key, hashlib.sha256(key.encode()).hexdigest()


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(part) for part in location) or "the document"
    if location and location[-1] in ("key", "sha256") and "keys" in location:
        return (
            f"{where}: the file holds the sha256 of a key, 64 hexadecimal digits, and never the key itself; "
            "`plimsoll keys new` makes both"
        )
    return f"{where}: {message.removeprefix('Value error, ')}"
