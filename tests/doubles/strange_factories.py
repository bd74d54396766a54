"""Factories that a server has to survive; bundles name them."""

from __future__ import annotations

import argparse
import threading
from typing import NoReturn

import torch
from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.pytorch.architectures.digits_mlp import DigitsMlp
from torch import nn

from tests.doubles.bundles import Fields, rewrite_manifest

PRIVATE = "/srv/secret/weights.bin"


class Panic(BaseException):
    """As a library in Rust raises it."""


def reads_arguments() -> nn.Module:
    """Reads the command line of the process, as research code does, and exits because it does not know it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int)
    parser.parse_args()
    return nn.Identity()


def leaks() -> NoReturn:
    """Says where its files are."""
    raise FileNotFoundError(f"there is no file {PRIVATE}")


def panics() -> NoReturn:
    """Panics."""
    raise Panic(PRIVATE)


def interrupts() -> NoReturn:
    """Raises what Ctrl-C raises."""
    raise KeyboardInterrupt(PRIVATE)


def hangs() -> NoReturn:
    """Never returns."""
    while True:
        threading.Event().wait(3600)


class TellsThreads(DigitsMlp):
    """Says on how many threads of torch it runs, and on which thread of the process."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Probabilities, shape [rows, classes]."""
        where = "event loop" if threading.current_thread() is threading.main_thread() else "thread of its own"
        print(f"{len(pixels)} rows on the {where}, threads: {torch.get_num_threads()}", flush=True)  # noqa: T201
        return super().forward(pixels)


def with_factory(bundle: Bundle, name: str, **parameters: object) -> Bundle:
    """The same bundle with a factory of this module in the place of its architecture."""

    def change(fields: Fields) -> None:
        del fields["model"]["architecture"]
        fields["model"].update(factory=f"{__name__}:{name}", parameters=parameters)

    return rewrite_manifest(bundle, change)
