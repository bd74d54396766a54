"""API keys: random on the client's side, hashed on the server's.

A key is 256 random bits, so its sha256 cannot be guessed back and needs neither salt nor stretching; those are for
passwords, which people choose.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from plimsoll.errors import OperatorError
from plimsoll.validation_faults import Fault, describe_fault
from plimsoll.yaml_file import YamlFile

Scope = Literal["predict", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "plim_"
"""A scanner for leaked secrets recognises keys by this prefix."""
_KEY_BYTES = 32
_KEY = re.compile(PREFIX + r"[A-Za-z0-9_-]{40,}")
SHOWN_ONCE = "key (shown only now): "
WHERE_TO_PUT_IT = "for the key file, under `keys:`"
_OUTPUT = re.compile(
    rf"^{re.escape(SHOWN_ONCE)}{_KEY.pattern}\s+{re.escape(WHERE_TO_PUT_IT)}\s+- \{{label: ", re.MULTILINE
)
"""Matches the output of `plimsoll keys new`, from its first line into its last."""
KEY_AS_LABEL = "the log shows labels, and this label contains an API key; choose a name"


class KeyFileError(OperatorError):
    """The key file cannot be used; the message says which entry is at fault and never holds a key."""


class KeyEntry(BaseModel):
    """One key in the key file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    label: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]

    @field_validator("label")
    @classmethod
    def _no_key(cls, label: str) -> str:
        if holds_key(label):
            raise ValueError(KEY_AS_LABEL)
        return label


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    keys: list[KeyEntry]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        labels: set[str] = set()
        label_of: dict[str, str] = {}
        for entry in self.keys:
            if entry.label in labels:
                raise ValueError(f"two keys have the label '{entry.label}'; give each one of its own")
            if entry.sha256 in label_of:
                raise ValueError(
                    f"'{label_of[entry.sha256]}' and '{entry.label}' have the same sha256, so the log could not say "
                    "whose request it was; give one key one label and all its scopes"
                )
            labels.add(entry.label)
            label_of[entry.sha256] = entry.label
        return self


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys that are valid now; without entries no key is. Immutable: a changed file makes a new ring."""

    entries: tuple[KeyEntry, ...] = ()
    _by_sha256: dict[str, KeyEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_sha256", {entry.sha256: entry for entry in self.entries})

    def find(self, key: str) -> KeyEntry | None:
        """Find the entry of a key that a client sends.

        The time does not depend on the number of keys, and reveals nothing about them: the look-up uses the sha256 of
        the sent key, and nobody can choose a text by the beginning of its sha256.
        """
        return self._by_sha256.get(hashlib.sha256(key.encode(errors="replace")).hexdigest())


def key_file(path: Path) -> YamlFile:
    """The YAML file of `keys`, each with `label`, `sha256` and `scopes`; messages about it never quote it."""
    return YamlFile(path, "key file", KeyFileError, secret=True, describe=_describe)


def parse_keys(file: YamlFile, document: bytes) -> KeyRing:
    """Parse a document of the key file.

    Raises:
        KeyFileError: an entry is wrong, or a key itself stands anywhere in the file, in a comment too; the message says
            what to do about it.
    """
    fault, ring = "", KeyRing()
    try:
        ring = KeyRing(tuple(file.parse(document, _KeyFile).keys))
    except KeyFileError as error:
        fault = _KEY.sub("…", error.message)  # a message names the field at fault, which may be a key
    text = document.decode(errors="replace")
    if key := _KEY.search(text):
        line = text.count("\n", 0, key.start()) + 1
        told = f"{file.name} holds an API key itself in line {line}, and should hold none"
        raise KeyFileError(f"{told}{_what_to_do(text, fault.removeprefix(file.name))}")
    if fault:
        raise KeyFileError(fault)
    return ring


def holds_key(text: str) -> bool:
    """Whether a text contains a key."""
    return _KEY.search(text) is not None


def read_keys(path: Path) -> KeyRing:
    """Read the key file.

    Raises:
        KeyFileError: it cannot be read, or as `parse_keys`.
    """
    file = key_file(path)
    return parse_keys(file, file.read())


def new_key() -> tuple[str, str]:
    """Make a new key, and the sha256 for the key file."""
    key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    return key, hashlib.sha256(key.encode()).hexdigest()


def _what_to_do(text: str, fault: str) -> str:
    if _OUTPUT.search(text):
        return (
            ": delete all that `plimsoll keys new` has printed but its last line, the entry with the sha256, and put "
            "that under `keys:`"
        )
    if fault:
        return f"; it{fault}"
    return ", not even in a comment: delete it there"


def _describe(fault: Fault) -> str:
    if not fault.location and fault.kind != "value_error":
        return "the document should be `keys:` and under it a list of entries, each as `plimsoll keys new` prints it"
    if fault.location == ("keys",):
        return "the list of entries is missing under `keys:`; `plimsoll keys new` prints an entry"
    if fault.location[-1:] in (("key",), ("sha256",)) and "keys" in fault.location and fault.kind != "missing":
        return (
            f"{fault.place}: the file holds the sha256 of a key, 64 hexadecimal digits, and never the key itself; "
            "`plimsoll keys new` makes both"
        )
    return describe_fault(fault)
