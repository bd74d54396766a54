from __future__ import annotations

import pytest
from plimsoll.inference.request_head import RequestHead


def test_of_a_header_that_is_repeated_the_first_counts() -> None:
    head = RequestHead([(b"a", b"1"), (b"a", b"2"), (b"b", b"3")])
    assert (head.get(b"a"), head.get(b"b"), head.get(b"c"), head.has(b"c")) == ("1", "3", None, False)


@pytest.mark.parametrize(("sent", "text"), [("用户".encode(), "用户"), (b"j\xfcrgen", "jürgen"), (b"", "")])
def test_any_text_is_read_as_utf_8_or_else_latin_1(sent: bytes, text: str) -> None:
    assert RequestHead([(b"x", sent)]).text(b"x") == text


@pytest.mark.parametrize(
    ("sent", "bytes_"), [(b"0", 0), (b"12", 12), (b"", None), (b"-1", None), (b"1x", None), (b"9" * 19, None)]
)
def test_a_declared_length_is_a_number_of_at_most_18_digits(sent: bytes, bytes_: int | None) -> None:
    assert RequestHead([(b"content-length", sent)]).declared_bytes() == bytes_


@pytest.mark.parametrize(
    ("sent", "media_type"),
    [(b"Text/CSV; charset=utf-8", "text/csv"), (b" application/json ", "application/json"), (b"", "")],
)
def test_a_media_type_has_no_parameters(sent: bytes, media_type: str) -> None:
    assert RequestHead([(b"content-type", sent)]).media_type() == media_type
