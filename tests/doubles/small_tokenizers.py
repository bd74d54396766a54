"""Tokenizers of a few words, as the file that a bundle holds."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = ("good", "bad", "film", "the", "a", "##s", "##ly", "naive", "Ada", "Paris")
PAD, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"


def tokenizer_file(words: Sequence[str] = WORDS, *, added: bool = True, side: str = "right") -> bytes:
    """A tokenizer of word pieces that drops accents; by default it adds a token at both ends of a text.

    It has settings of truncation and padding, as many files have that were saved after training.
    """
    names = [PAD, UNKNOWN, BEGIN, END, *words]
    made = Tokenizer(models.WordPiece({name: place for place, name in enumerate(names)}, unk_token=UNKNOWN))
    made.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    if added:
        made.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, names.index(BEGIN)), (END, names.index(END))]
        )
    made.add_special_tokens([PAD, BEGIN, END])
    made.enable_truncation(512, direction=side)
    made.enable_padding(length=128)
    return made.to_str().encode()
