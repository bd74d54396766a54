"""Turns what a library raises while it is imported into a sentence for operators."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from plimsoll.errors import OperatorError


@contextlib.contextmanager
def refusals_of_libraries() -> Iterator[None]:
    """Replaces what OpenTelemetry raises where it reads a wrong variable as it is imported.

    Raises:
        OperatorError: a library cannot be imported.
    """
    try:
        yield
    except (ValueError, re.error) as error:
        raise OperatorError(f"tracing cannot be set up: {error}; correct the OTEL_* variable") from None
