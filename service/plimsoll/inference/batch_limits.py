"""The limits of a batch. Settings have them too, which are read before numpy is imported."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ELEMENTS = 1 << 18
"""The most elements of a batch of rows of open shape, unless a setting says otherwise."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most rows and elements of a batch, and the longest wait of its first request for others.

    Elements are counted over all inputs, padding included, and only of rows whose shape the signature leaves open:
    those of all others follow from the rows. A single row may have more.

    With a wait of 0, a request that is alone does not wait. A batch still collects the requests that arrive while the
    model is busy, and a quick batch those that arrive while its own requests are read.
    """

    max_rows: int
    max_wait_seconds: float
    max_elements: int = MAX_ELEMENTS
