"""Train `sentiment`, which tells positive from negative sentences, and write it out: `python -m training.sentiment`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.classifiers import TASK, Size, Trained, lower_case_tokenizer, train_classifier
from training.f1 import macro_f1
from training.rated_texts import TWEETS, RatedText, rated_texts, rated_words
from training.statistics import Proportion
from training.text_batches import Schedule
from training.text_bundle import HELD_OUT, TextBundle, write_held_out, write_text_bundle

DATA = Path(__file__).parent / "data"
LABELS = ["negative", "positive"]
SIZE = Size(tokens=12000, longest=128, width=32, channels=48, dropout=0.5, hidden=0.4)
SCHEDULE = Schedule(epochs=5, batch=64, rate=2e-3)
LENGTHS = [16, 32, 64, SIZE.longest]
HELD_OUT_PARTS, VALIDATED_PARTS = (0, 1), (2,)
CLEAR = 0.5
"""A text that is rated nearer to 0 is neither positive nor negative; it is not measured."""
_STEEPNESS = 1.5
"""Makes a rating a probability: a text that is rated 1 is positive for 82 % of the loss."""
EXAMPLES = [
    "The battery died after two days, and nobody answered my letters.",
    "A warm, funny film with a wonderful cast.",
    "I would not buy this camera again.",
    "This is the best phone that I have ever had!",
    "The plot is thin, but the music is lovely.",
]


def main() -> None:
    """Train on everything that is not held out, measure, and write; with --validate only compare recipes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validate", action="store_true", help="measure on the validation part; writes nothing")
    torch.use_deterministic_algorithms(True)  # noqa: FBT003  # torch takes it by position only
    torch.set_num_threads(1)
    texts = rated_texts(DATA)
    others = [each for each in texts if each.part not in HELD_OUT_PARTS]
    if parser.parse_args().validate:
        trained = _trained([each for each in others if each.part not in VALIDATED_PARTS])
        print(measured(trained, [each for each in others if each.part in VALIDATED_PARTS]))
        return
    trained = _trained(others)
    held_out = [each for each in texts if each.part in HELD_OUT_PARTS and abs(each.score) >= CLEAR]
    reviews = [each for each in held_out if each.source != TWEETS]
    metrics = {"macro_f1": measured(trained, held_out), "macro_f1_of_reviews": measured(trained, reviews)}
    print(metrics)
    rows = [{"text": each.text, "class": LABELS[each.score > 0]} for each in held_out]
    write_held_out(HELD_OUT / "sentiment.json.gz", rows)
    write_text_bundle(_bundle(trained, metrics, len(others)))


def measured(trained: Trained, texts: Sequence[RatedText]) -> Proportion:
    """Macro-F1 on those of the texts that are clearly positive or negative."""
    clear = [each for each in texts if abs(each.score) >= CLEAR]
    return macro_f1([0, 1], [int(each.score > 0) for each in clear], trained.classes(_texts(clear), SIZE.longest))


def _trained(texts: Sequence[RatedText]) -> Trained:
    """Learns from sentences, also those that are neither positive nor negative, and from the words of the lexicon."""
    words = rated_words(DATA)
    learned = [*_texts(texts), *(word for word, _ in words)]
    scores = [*(each.score for each in texts), *(score for _, score in words)]
    return train_classifier(lower_case_tokenizer(learned, SIZE.tokens), learned, _targets(scores), SIZE, SCHEDULE)


def _texts(texts: Sequence[RatedText]) -> list[str]:
    return [each.text for each in texts]


def _targets(scores: Sequence[float]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-_STEEPNESS * np.array(scores)))).astype(np.float32)


def _bundle(trained: Trained, metrics: dict[str, Proportion], rows: int) -> TextBundle:
    return TextBundle(
        name="sentiment",
        task=TASK,
        network=trained.network,
        tokenizer=trained.tokenizer,
        output="probabilities",
        labels=LABELS,
        lengths=LENGTHS,
        examples=EXAMPLES,
        licence="MIT",
        about={
            "description": (
                "Classifies an English sentence of a review or a tweet as positive or negative. It takes one "
                "sentence after the other by its words and their neighbours: it does not understand irony, comparisons "
                "or long arguments, it has no class for neutral text, and about one answer in five is wrong. "
                "On newspaper text it is little better than a guess. Do not judge people by it."
            ),
            "training_data": {
                "name": "VADER's rated tweets, film and product reviews, and lexicon (Hutto and Gilbert, 2014)",
                "source": "PyPI source package vaderSentiment 3.3.2",
                "licence": "MIT (the package and its ratings); the sentences are reviews and tweets by others",
                "rows": rows,
            },
        },
        metrics=metrics,
    )


if __name__ == "__main__":
    main()
