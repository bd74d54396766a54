"""Remembers the JSON of requests whose tensors come as bytes: most clients send the same JSON with every row."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from numpy.typing import NDArray

from plimsoll.fronts.raw_tensors import array_of
from plimsoll.fronts.tensor_requests import Wanted
from plimsoll.inference.payloads import Signature, WireDatatype

LONGEST_KNOWN = 1_024
"""The bytes of JSON that are remembered at most."""
_MOST_KNOWN = 256
_ID_IN_FRONT = re.compile(rb'\{"id": ?"([ !#-\[\]-~]*)"')
"""An id of printable ASCII without escapes, as clients write it that send one."""


class Place(NamedTuple):
    """An input whose declaration has been checked, and the place of its bytes after the JSON."""

    name: str
    datatype: WireDatatype
    shape: tuple[int, ...]
    start: int
    end: int


class KnownRequest(NamedTuple):
    """All that the JSON of a request says to a model of this signature, but its id. Immutable, as requests share it."""

    wire: Signature
    places: tuple[Place, ...]
    raw_bytes: int
    wanted: tuple[Wanted, ...]
    timeout_seconds: float | None

    def tensors(self, raw: memoryview) -> dict[str, NDArray[Any]]:
        """The tensors by name in the bytes after the JSON, of which there are `raw_bytes`.

        Raises:
            InvalidInput: an element is malformed.
        """
        return {
            name: array_of(name, datatype, shape, raw[start:end]) for name, datatype, shape, start, end in self.places
        }


class KnownRequests:
    """Requests by their JSON and their model's signature: 256 at most, of up to 1 KiB each. Threads may share it.

    Keep only requests that were right as a whole, so that a wrong one gets its error. Once it is full it forgets
    everything, because clients that send other JSON each time gain nothing from it.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], KnownRequest] = {}

    def find(self, text: bytes, wire: Signature) -> KnownRequest | None:
        """The request with this JSON, if it is known."""
        return self._known.get((id(wire), text))

    def keep(self, text: bytes, known: KnownRequest) -> None:
        """Remember a request by its JSON, unless that is too long."""
        if len(text) > LONGEST_KNOWN:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        # A signature is slow to hash. No other one has this id, because the entry keeps its signature alive.
        self._known[id(known.wire), text] = known


def split_id(text: bytes) -> tuple[str | None, bytes]:
    """The id in front of a JSON object and the text after it; `None` and the whole text if no id stands in front.

    Two texts that are equal after their ids say the same, if `stands_alone` is true of the id of one of them.
    """
    found = _ID_IN_FRONT.match(text)
    return (None, text) if found is None else (found[1].decode(), text[found.end() :])


def stands_alone(given_id: str | None, rest: bytes, parsed_id: str | None) -> bool:
    """Whether the id that `split_id` has found is the only one of the object, whose id is `parsed_id`."""
    return given_id == parsed_id and (given_id is None or not (b'"id"' in rest or b"\\" in rest))
