"""Reads a small YAML file of an operator: bounded, a plain file, UTF-8, without duplicate names."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from plimsoll.errors import OperatorError
from plimsoll.plain_file import open_plain_file
from plimsoll.validation_faults import Fault, describe_fault, sentence_of

if TYPE_CHECKING:
    _Loader = yaml.SafeLoader
else:
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the loader in C is ten times as fast, where it is built

MAX_DOCUMENT_BYTES = 1 << 20
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
Record = TypeVar("Record", bound=BaseModel)
_NO_TEXT = "should be a text, and is none as YAML reads it (1.10, 010 and no are none); put it in quotes"


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML file: its path, and how messages about it read.

    `title` is what the file is ("key file"); `error` is raised for every fault. Messages name the file and never its
    folder, because they reach clients of the health routes. A `secret` file is never quoted.
    """

    path: Path
    title: str
    error: type[OperatorError]
    secret: bool = False
    describe: Callable[[Fault], str] = describe_fault

    @property
    def name(self) -> str:
        """The name of the file in messages."""
        return f"the {self.title} {self.path.name}"

    def read(self) -> bytes:
        """Read the whole file, at most `MAX_DOCUMENT_BYTES` bytes.

        Follows links, because Kubernetes mounts files by them.

        Raises:
            OperatorError: `error`, where the file cannot be read, is too long, or is no plain file.
        """
        try:
            with BufferedReader(open_plain_file(self.path)) as stream:
                document = stream.read(MAX_DOCUMENT_BYTES + 1)
        except OSError as error:
            raise self.error(f"{self.name} cannot be read: {error.strerror}") from None
        self._check_length(document)
        return document

    def parse(self, document: bytes, record: type[Record]) -> Record:
        """Parse the document as a `record`.

        Raises:
            OperatorError: `error`, where it is too long, not UTF-8, not YAML, or has wrong fields; the message names
                the first of them.
        """
        self._check_length(document)
        try:
            return record.model_validate(self._load(document))
        except ValidationError as error:
            raise self.error(f"{self.name} has wrong fields: {sentence_of(error, self._describe)}") from None

    def _describe(self, fault: Fault) -> str:
        return self.describe(replace(fault, reason=_NO_TEXT) if fault.kind == "string_type" else fault)

    def _check_length(self, document: bytes) -> None:
        if len(document) > MAX_DOCUMENT_BYTES:
            raise self.error(f"{self.name} is longer than {MAX_DOCUMENT_BYTES} bytes")

    def _load(self, document: bytes) -> Any:  # noqa: ANN401  # whatever the document holds
        try:
            text = document.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            kind = "UTF-16" if document.startswith(_UTF_16) else f"wrong at byte {error.start}"
            raise self.error(f"{self.name} is not UTF-8 text ({kind}); save it as UTF-8") from None
        try:
            return yaml.load(text, _StrictLoader)  # noqa: S506  # a SafeLoader: it makes plain values only
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            where = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
            why = "" if self.secret or not error.problem else f": {' '.join(error.problem.split())[:200]}"
            raise self.error(f"{self.name} is not YAML{where}{why}") from None
        except Exception:  # noqa: BLE001  # PyYAML lets ValueError, RecursionError and more through
            raise self.error(f"{self.name} is not YAML") from None


class _StrictLoader(_Loader):
    """Refuses a mapping with a duplicate name; YAML forbids it, but PyYAML uses the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's own signature
        """The mapping, unless a name stands twice in it."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the name '{key.value}' stands twice in one mapping"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)
