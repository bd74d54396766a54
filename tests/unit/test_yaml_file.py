from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import OperatorError
from plimsoll.yaml_file import MAX_DOCUMENT_BYTES, YamlFile
from pydantic import BaseModel, ConfigDict


class Numbers(BaseModel):
    """What the files of this test hold."""

    model_config = ConfigDict(extra="forbid", strict=True)

    numbers: list[int] = []


class NumbersError(OperatorError):
    """The file is of no use."""


def numbers_file(path: Path = Path("n.yaml"), *, secret: bool = False) -> YamlFile:
    return YamlFile(path, "number file", NumbersError, secret=secret)


def fault_of(document: bytes, *, secret: bool = False) -> str:
    with pytest.raises(NumbersError) as caught:
        numbers_file(secret=secret).parse(document, Numbers)
    return caught.value.message


@pytest.mark.parametrize("document", [b"numbers: [1, 2]", b"\xef\xbb\xbfnumbers: [1, 2]", b'{"numbers": [1, 2]}'])
def test_a_document_is_read_with_and_without_a_byte_order_mark_and_as_json(document: bytes) -> None:
    assert numbers_file().parse(document, Numbers).numbers == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_a_document_of_another_encoding_is_told_to_be_saved_as_utf_8(encoding: str) -> None:
    document = "numbers: [1] # grüße".encode(encoding)
    message = fault_of(document)
    assert "n.yaml is not " in message
    if encoding in ("utf-16", "latin-1"):
        assert message.endswith("save it as UTF-8")


def test_utf_16_is_named() -> None:
    assert fault_of("numbers: []".encode("utf-16")) == (
        "the number file n.yaml is not UTF-8 text (UTF-16); save it as UTF-8"
    )


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"numbers: [1]\nnumbers: [2]", "at line 2, column 1: the name 'numbers' stands twice in one mapping"),
        (b"numbers: [\n1,\n", "is not YAML at line 3, column 1: "),
        (b"a: *b", "at line 1, column 4: found undefined alias"),
        (b"!!python/object/apply:os.system [true]", "could not determine a constructor"),
        (b"[" * 500_000, "is not YAML"),
        (b"- " * 500_000, "is not YAML"),
        (b"{a: " * 200_000, "is not YAML"),
        (b"numbers: " + b"1" * 5000, "is not YAML"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(document: bytes, told: str) -> None:
    message = fault_of(document)
    assert told in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("document", [b"", b"[1, 2]", b"numbers"])
def test_a_document_that_is_no_mapping_is_told_without_the_name_of_a_class(document: bytes) -> None:
    assert fault_of(document) == (
        "the number file n.yaml has wrong fields: the document: Input should be a valid dictionary"
    )


def test_a_secret_file_is_never_quoted() -> None:
    for document in (b"plim_secret: 1\nplim_secret: 2", b"a: *plim_secret", b"plim_secret", b"plim_secret: 1"):
        message = fault_of(document, secret=True).replace("plim_secret: Extra", "")
        assert "plim_secret" not in message


def test_of_many_faults_the_first_are_told_and_the_others_counted() -> None:
    message = fault_of(b"numbers: [" + b"x," * 1000 + b"]")
    assert message.startswith("the number file n.yaml has wrong fields: numbers.0: Input should be a valid integer; ")
    assert message.endswith("; and 995 more")
    assert len(message) < 400


@given(document=st.binary(max_size=60) | st.text("[]{}:,-?!&*'\"# \n<>|12.xn", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(document: bytes) -> None:
    message = ""
    try:
        numbers_file().parse(document, Numbers)
    except NumbersError as error:
        message = error.message
    assert "\n" not in message


@given(
    value=st.recursive(
        st.integers() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(), inner), max_leaves=9
    )
)
def test_what_yaml_writes_itself_is_never_said_to_repeat_a_name(value: Any) -> None:
    document = yaml.safe_dump({"outer": value}, allow_unicode=True).encode()
    assert "stands twice" not in fault_of(document)


def test_a_file_is_read_whole_through_links(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x" * MAX_DOCUMENT_BYTES)
    (tmp_path / "link").symlink_to("real")
    assert numbers_file(tmp_path / "link").read() == b"x" * MAX_DOCUMENT_BYTES
    (tmp_path / "real").write_bytes(b"x" * (MAX_DOCUMENT_BYTES + 1))
    with pytest.raises(NumbersError, match="number file link is longer than 1048576 bytes"):
        numbers_file(tmp_path / "link").read()


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


MAKERS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
    "missing": lambda path: path,
    "dangling": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_no_plain_file_is_refused_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "n.yaml"
    MAKERS[kind](path)
    with pytest.raises(NumbersError, match=r"^the number file n\.yaml cannot be read: "):
        numbers_file(path).read()
