"""Turns texts into the tokens of a model, by the file of the library `tokenizers` in its bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from plimsoll.bundle.installed_packages import fault_of_packages
from plimsoll.errors import BundleError, InvalidInput
from plimsoll.tasks.text_faults import place_of

_EXTRA = "tasks"
_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""The library is written in Rust, and its panics are no `Exception`; only these go past what expects one."""


class TextTokens(NamedTuple):
    """The tokens of one text that a model reads.

    `ids` and `type_ids` have one number for each token, and `cut` is the number of tokens that were left out.
    `offsets`, if they are wanted, are where each token begins and ends in the text, in code points; `words` are the
    number of the word that each token is a part of, `None` for tokens that the tokenizer has added.
    """

    ids: list[int]
    type_ids: list[int]
    cut: int
    offsets: Sequence[tuple[int, int]] = ()
    words: Sequence[int | None] = ()


class TextTokenizer:
    """The tokenizer of one version, safe to use on several threads at once.

    `content` is its file, which `task` reads; `longest` is the most tokens of a text, with those that the tokenizer
    adds. The library is imported when the first tokenizer is made.

    Raises:
        BundleError: with check `task`, when the library is missing, the file is no tokenizer of it, or the tokens that
            it adds leave no room for the text.
    """

    def __init__(self, task: str, content: bytes, longest: int, *, offsets: bool) -> None:
        if fault := fault_of_packages(f"the task {task}", ["tokenizers"], _EXTRA):
            raise BundleError("task", fault)
        from tokenizers import Tokenizer  # noqa: PLC0415  # a server without texts does not need it

        try:
            tokenizer = Tokenizer.from_buffer(content)
        except _STOPS:
            raise
        except BaseException as error:  # noqa: BLE001  # the library raises nothing narrower
            raise BundleError("task", f"the tokenizer of the task {task} cannot be read: {error}") from None
        self._added = tokenizer.num_special_tokens_to_add(is_pair=False)
        if self._added >= longest:
            raise BundleError(
                "task",
                f"the tokenizer adds {self._added} tokens to each text and {longest} are read at most, which leaves no "
                "room for the text; raise 'longest_tokens', or the setting PLIMSOLL_MAX_INPUT_TOKENS",
            )
        tokenizer.no_padding()
        side = (tokenizer.truncation or {}).get("direction", "right")
        tokenizer.enable_truncation(longest, direction=side)
        self._tokenizer = tokenizer
        # Both let other threads run while they work, unlike `encode`.
        self._encode = tokenizer.encode_batch if offsets else tokenizer.encode_batch_fast
        self._offsets = offsets

    @property
    def highest_id(self) -> int:
        """The highest id that it gives a token."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=0)

    def tokens(self, texts: Sequence[str]) -> list[TextTokens]:
        """The tokens of each text.

        Raises:
            InvalidInput: the tokenizer cannot read a text, or no token is left of it; `index` names it among several.
        """
        # One by one, because the library would spread a batch over all processors, which costs more than it saves.
        single = len(texts) == 1
        return [self._tokens(text, None if single else index) for index, text in enumerate(texts)]

    def text_of(self, ids: Sequence[int]) -> str:
        """A text that has about these tokens, for an example."""
        text: str = self._tokenizer.decode(ids)
        return text.strip()

    def _tokens(self, text: str, index: int | None) -> TextTokens:
        try:
            (encoding,) = self._encode([text])
        except _STOPS:
            raise
        except BaseException:  # noqa: BLE001  # as above
            raise InvalidInput(
                f"the tokenizer of this model cannot read {place_of(index)}",
                expected="a text of characters that the tokenizer has tokens for", index=index,
            ) from None  # fmt: skip
        if len(encoding) <= self._added:
            raise InvalidInput(
                f"the tokenizer of this model leaves nothing of {place_of(index)}",
                expected="a text with at least one token; blanks, or accents without a letter, may have none",
                index=index,
            )
        cut = sum(len(each) - self._added for each in encoding.overflowing)
        if not self._offsets:
            return TextTokens(encoding.ids, encoding.type_ids, cut)
        return TextTokens(encoding.ids, encoding.type_ids, cut, encoding.offsets, encoding.word_ids)
