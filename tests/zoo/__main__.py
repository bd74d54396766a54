"""`python -m tests.zoo --requests 100000`: the zoo under load for longer than the tests have time for."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.zoo.enclosure import Enclosure
from tests.zoo.traffic import Traffic

_LEAST_SHARE_ANSWERED = 0.99
_MOST_SHOWN = 10


def main() -> int:
    """Serve, ask, and print what came back; 1 where an answer was wrong or too many were refused."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--inline-budget-ms", default="1", help="0 has every model run on a thread of its own")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        enclosure = Enclosure(Path(folder))
        try:
            url = enclosure.start(PLIMSOLL_INLINE_BUDGET_MS=options.inline_budget_ms)
            tally = asyncio.run(Traffic(enclosure, url, options.seed).run(options.requests))
            reloads = enclosure.reloads()
        finally:
            enclosure.stop()
    sys.stdout.write(
        f"{tally.requests} requests to {len(enclosure.models)} models, {reloads} reloads, "
        f"in {time.monotonic() - started:.0f} s\n"
        f"innocent: {dict(tally.innocent)}, {tally.share_answered:.2%} answered\n"
        f"guilty: {dict(tally.guilty)}\nwrong: {len(tally.wrong)}\n"
    )
    sys.stdout.writelines(f"  {each}\n" for each in tally.wrong[:_MOST_SHOWN])
    return int(bool(tally.wrong) or tally.share_answered < _LEAST_SHARE_ANSWERED)


if __name__ == "__main__":
    sys.exit(main())
