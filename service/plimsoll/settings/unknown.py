"""Finds variables that look like settings but are not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

# What Kubernetes injects for a Service whose name begins with plimsoll, in every pod of its namespace.
_SERVICE_LINK = re.compile(
    r"PLIMSOLL_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_LEAST_LIKENESS = 0.75


def unknown_variables(names: Iterable[str], known: Collection[str], prefix: str) -> list[str]:
    """One sentence for each name with the prefix that is no setting, with the setting that it resembles most."""
    return [
        _sentence(name, known)
        for name in sorted({name.upper() for name in names})
        if name.startswith(prefix) and name not in known and not _SERVICE_LINK.fullmatch(name)
    ]


def _sentence(name: str, known: Collection[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=_LEAST_LIKENESS)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{name} is not a setting and has no effect{hint}"
