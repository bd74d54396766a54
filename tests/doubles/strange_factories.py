"""Factories that a server has to survive; bundles name them."""

from __future__ import annotations

import argparse
import threading
from typing import NoReturn

from torch import nn

from service.bundle.folder import Bundle
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


def with_factory(bundle: Bundle, name: str) -> Bundle:
    """The same bundle with a factory of this module in the place of its architecture."""

    def change(fields: Fields) -> None:
        del fields["model"]["architecture"]
        fields["model"].update(factory=f"{__name__}:{name}", parameters={})

    return rewrite_manifest(bundle, change)
