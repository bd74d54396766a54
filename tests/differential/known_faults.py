"""What the service is known to get wrong: such bodies are sent, and what they are answered is not compared.

Each has a test in `test_differential.py` that fails as expected; whoever mends one removes it in both places.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# Python refuses to read a longer integer, and explain() then looks no further.
_LONG_INTEGER = re.compile(rb"[0-9]{4301}")

KNOWN_FAULTS: dict[str, Callable[[bytes], bool]] = {
    "an integer of more than 4300 digits": lambda body: _LONG_INTEGER.search(body) is not None,
    "blanks that JSON does not have, and nothing else": lambda body: bool(body.strip(b" \t\r\n")) and not body.strip(),
}


def known_fault(body: bytes) -> str | None:
    """The name of the fault that a body may bring to light."""
    return next((name for name, concerns in KNOWN_FAULTS.items() if concerns(body)), None)
