from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from plimsoll.bundle import installed_packages
from plimsoll.errors import BundleError, InvalidInput
from plimsoll.tasks.text_tokens import TextTokenizer
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from tests.doubles.small_tokenizers import UNKNOWN, WORDS, tokenizer_file

FIRST = 4
"""The id of the first word."""


def tokenizer(content: bytes = b"", longest: int = 6, *, offsets: bool = False) -> TextTokenizer:
    return TextTokenizer("text-classification", content or tokenizer_file(), longest, offsets=offsets)


def test_a_text_becomes_the_ids_of_its_tokens_with_those_that_the_tokenizer_adds() -> None:
    (tokens,) = tokenizer().tokens(["good films"])
    assert tokens.ids == [2, FIRST, FIRST + 2, FIRST + 5, 3]
    assert tokens.type_ids == [0] * 5
    assert tokens.cut == 0


@pytest.mark.parametrize(("side", "word"), [("right", FIRST), ("left", FIRST + 1)])
def test_the_tokens_that_are_cut_off_are_counted_and_the_added_ones_stay(side: str, word: int) -> None:
    (tokens,) = tokenizer(tokenizer_file(side=side)).tokens(["good " * 500 + "bad " * 500])
    assert tokens.ids == [2, *[word] * 4, 3]
    assert tokens.cut == 996


def test_texts_may_have_different_lengths_whatever_padding_the_file_asks_for() -> None:
    short, long = tokenizer().tokens(["good", "the good film"])
    assert (len(short.ids), len(long.ids)) == (3, 5)


def test_the_places_of_tokens_are_counted_in_code_points_of_the_text_as_it_was_sent() -> None:
    text = "\U0001f600 nai\u0308ve films"  # a character beyond U+FFFF, and two code points that are one letter
    (tokens,) = tokenizer(longest=20, offsets=True).tokens([text])
    placed = [text[begin:end] for begin, end in tokens.offsets]
    assert placed == ["", "\U0001f600", "nai\u0308ve", "film", "s", ""]
    assert tokens.words == [None, 0, 1, 2, 2, None]


@pytest.mark.parametrize("text", ["\u0301\u0302\u0303", " \t"])
def test_a_text_of_which_nothing_is_left_is_refused_by_its_index(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"leaves nothing of the text$") as caught:
        tokenizer().tokens([text])
    assert caught.value.index is None
    with pytest.raises(InvalidInput, match=r"leaves nothing of text 1$") as caught:
        tokenizer().tokens(["good", text])
    assert caught.value.index == 1


def test_a_text_that_the_tokenizer_has_no_token_for_is_refused_by_its_index() -> None:
    made = Tokenizer(models.WordLevel({"good": 0}, unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(InvalidInput, match="cannot read text 1") as caught:
        tokenizer(made.to_str().encode()).tokens(["good", "bad"])
    assert caught.value.index == 1


def test_a_text_on_which_the_library_panics_is_refused_and_the_next_one_is_read() -> None:
    made = Tokenizer(models.WordLevel({"good": 0, UNKNOWN: 1}, unk_token=UNKNOWN))
    made.normalizer = normalizers.Replace(Regex("(x+x+)+y"), "")  # gives up after a number of attempts
    one = tokenizer(made.to_str().encode())
    with pytest.raises(InvalidInput, match="cannot read the text"):
        one.tokens(["x" * 100])
    assert one.tokens(["good"])[0].ids == [0]


def test_several_threads_may_ask_one_tokenizer() -> None:
    one = tokenizer(longest=64)
    texts = ["good " * count for count in range(1, 40)]
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda text: len(one.tokens([text])[0].ids), texts, timeout=60))
    assert counts == list(range(3, 42))


def test_a_missing_library_is_named_with_the_extra_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed_packages, "find_spec", lambda name: None if name == "tokenizers" else find_spec(name))
    with pytest.raises(BundleError) as caught:
        tokenizer()
    assert caught.value.check == "task"
    assert caught.value.message == (
        "the task text-classification needs tokenizers, which is not installed here; pip install 'plimsoll[tasks]'"
    )


@pytest.mark.parametrize("content", [b"{}", b"not JSON", b"\xff\xfe"])
def test_a_file_that_is_no_tokenizer_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match="the tokenizer of the task text-classification cannot be read"):
        tokenizer(content)


def test_the_added_tokens_must_leave_room_for_the_text() -> None:
    with pytest.raises(BundleError, match="adds 2 tokens to each text and 2 are read at most"):
        tokenizer(longest=2)
    assert tokenizer(longest=3).tokens(["good film"])[0].cut == 1


def test_the_highest_id_and_a_text_of_some_ids_are_known() -> None:
    assert tokenizer().highest_id == FIRST + len(WORDS) - 1
    assert tokenizer().text_of([2, FIRST, FIRST + 2, FIRST + 5, 3, 0]) == "good films"
