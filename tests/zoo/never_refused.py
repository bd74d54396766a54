"""`python -m tests.zoo.never_refused --loads 20`: every good model loaded so often, with 1 and with 2 threads."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from plimsoll.errors import BundleError

from tests.zoo.bundling import ALL_SIZES, bundle_of, load
from tests.zoo.never_refused_models import KINDS, LARGE

_LOADS_OF_LARGE = 2


def main() -> int:
    """Load them, and print how many were refused; 1 where any was."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo.never_refused", description=__doc__)
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--without-large", action="store_true", help="leave out the model of 1 GB")
    options = parser.parse_args()
    refused = 0
    for kind in [*KINDS, *([] if options.without_large else [LARGE])]:
        with tempfile.TemporaryDirectory() as folder:
            bundle = bundle_of(Path(folder), "never_refused_models", kind)
            for threads in (1, 2):
                torch.set_num_threads(threads)
                loads = min(options.loads, _LOADS_OF_LARGE) if kind == LARGE else options.loads
                started = time.perf_counter()
                for _ in range(loads):
                    try:
                        load(bundle, ALL_SIZES)
                    except BundleError as error:
                        refused += 1
                        sys.stdout.write(f"{kind}: check '{error.check}' failed: {error}\n")
                seconds = (time.perf_counter() - started) / loads
                sys.stdout.write(f"{kind}, {threads} threads: {loads} loads of {seconds:.2f} s\n")
                sys.stdout.flush()
    sys.stdout.write(f"{refused} refusals\n")
    return int(refused > 0)


if __name__ == "__main__":
    sys.exit(main())
