"""Requests: a body in bytes, how it is cut into chunks, and the headers around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from hypothesis import strategies as st

from tests.differential.spellings import (
    BEYOND,
    EDGES,
    HALF_CHARACTERS,
    NO_JSON,
    NO_NUMBERS,
    NO_SPACES,
    SPACES,
    STRINGS,
    USUAL,
)
from tests.differential.texts import documents, objects
from tests.doubles.reference_v1 import ReferenceModel

LONGEST = 16384
"""Bytes of a body that both applications take."""

MODELS = (
    ReferenceModel("free", "3", 3),
    ReferenceModel("bounded", "10", 2, minimum=-1.5, maximum=0.1),
    ReferenceModel("single", "1", 1, threshold=0.1),
    ReferenceModel("double", "7", 2, np.float64),
)
DEFAULT_MODEL = MODELS[0].name
JSON_TYPE = "application/json"

_TYPES = (
    None, "", "text/plain", "application/jsonx", "application/x-ndjson", "application/problem+json", "text/json",
    "application", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/json, text/plain", "json", "*/*", "Application/JSON", "application/json;charset=utf-8",
    "application/json; charset=utf-16", "application/json ; a=b", "application/json;", " application/json",
    "APPLICATION/JSON;charset=latin-1", "application/json; charset",
)  # fmt: skip
_CODINGS = ("identity", "Identity", "gzip", "deflate", "br", "identity, gzip", "utf-8", "")
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7", "cp1252")
_INSERTED = (
    b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xef\xbb\xbf", b",", b'"',
    b"\\", b"]", b"}", b"[", b"{", b"-", b"0", b"e", b".", b"\n", b"\t", b"\x01", b"\x7f", b"\xc2\xa0", b":", b"1",
    b"N", b"\\u", b"//",
)  # fmt: skip


class Case:
    """One request. No dataclass, of which hypothesis would print all: a `Difference` shows the body and cuts it."""

    def __init__(
        self, path: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({"content-type": JSON_TYPE}),
        cuts: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        self.path = path
        self.body = body
        self.headers = headers
        self.cuts = cuts

    def __repr__(self) -> str:
        return f"<{len(self.body)} bytes to {self.path}>"

    def chunks(self) -> list[bytes]:
        """The body in the pieces in which it arrives."""
        places = [0, *sorted(cut % (len(self.body) + 1) for cut in self.cuts), len(self.body)]
        return [self.body[start:end] for start, end in pairwise(places)]


_any_place = st.integers(0, 2 * LONGEST)
_bytes = st.integers(0, 255)
_part = st.integers(1, 30)


def _truncated(draw: st.DrawFn, body: bytes) -> bytes:
    return body[: draw(_any_place) % (len(body) + 1)]


def _overwritten(draw: st.DrawFn, body: bytes) -> bytes:
    place = draw(_any_place) % (len(body) + 1)
    return body[:place] + bytes([draw(_bytes)]) + body[place + 1 :]


def _inserted(draw: st.DrawFn, body: bytes) -> bytes:
    place = draw(_any_place) % (len(body) + 1)
    return body[:place] + draw(_insertions) + body[place:]


def _without_a_part(draw: st.DrawFn, body: bytes) -> bytes:
    place = draw(_any_place) % (len(body) + 1)
    return body[:place] + body[place + draw(_part) % 4 :]


def _with_a_part_twice(draw: st.DrawFn, body: bytes) -> bytes:
    start = draw(_any_place) % (len(body) + 1)
    return body[: start + draw(_part)] + body[start:]


def _encoded_otherwise(draw: st.DrawFn, body: bytes) -> bytes:
    return body.decode().encode(draw(_encodings), errors="replace")


def _surrounded(draw: st.DrawFn, body: bytes) -> bytes:
    return draw(_junk) + body + draw(_junk)


def _alone(draw: st.DrawFn, _: bytes) -> bytes:
    return draw(_little)


def _padded(draw: st.DrawFn, body: bytes) -> bytes:
    return body + draw(_padding) * (LONGEST + draw(_surplus) - len(body))


_insertions = st.sampled_from(_INSERTED)
_encodings = st.sampled_from(_ENCODINGS)
_junk = st.sampled_from((*NO_SPACES, *SPACES, "\ufeff", "\ufeff", "x", "{}", "null", "]", "}", ",")).map(str.encode)
_little = st.text("".join([*SPACES, *NO_SPACES]), max_size=4).map(str.encode) | st.binary(max_size=6)
_padding = st.sampled_from((b" ", b" ", b"\n", b"\x00"))
_surplus = st.sampled_from((1, 0, -1, 1, 0, 2, LONGEST, 9 * LONGEST))
_changes = st.sampled_from((
    _truncated, _overwritten, _overwritten, _inserted, _inserted, _without_a_part, _with_a_part_twice,
    _encoded_otherwise, _encoded_otherwise, _surrounded, _surrounded, _alone, _padded,
))  # fmt: skip
_bodies = {model: objects(model.width) for model in MODELS}
_models = st.sampled_from(MODELS)
_kinds = st.integers(0, 25)
_types = st.sampled_from(_TYPES)
_codings = st.sampled_from(_CODINGS)
_cuts = st.lists(_any_place, min_size=1, max_size=4).map(tuple)


def listed_cases() -> Iterator[Case]:
    """Every spelling, media type and coding that is listed by name, each in a request that is good otherwise."""
    for model in MODELS:
        path = f"/v1/models/{model.name}/predict"
        for text in (*USUAL, *EDGES, *BEYOND, *NO_NUMBERS, *NO_JSON, *HALF_CHARACTERS):
            row = ", ".join(["0"] * (model.width - 1) + [text])
            good = ", ".join(["0"] * model.width)
            yield Case(path, f'{{"features": [{row}]}}'.encode())
            yield Case(path, f'{{"instances": [[{good}], [{row}], [{good}]]}}'.encode())
    path = f"/v1/models/{MODELS[2].name}/predict"
    body = b'{"user": "ada", "features": [0.1]}'
    for text in (*STRINGS, *EDGES, *NO_NUMBERS, *NO_JSON, *HALF_CHARACTERS):
        yield Case(path, body.replace(b'"ada"', text.encode()))
        yield Case(path, body.replace(b'"user"', text.encode()))
        yield Case(path, body.replace(b"[0.1]", text.encode()))
        yield Case(path, text.encode())
    for space in (*SPACES, *NO_SPACES):
        yield Case(path, body.replace(b" ", space.encode()))
        yield Case(path, space.encode() + body + space.encode())
    for given in _TYPES:
        yield Case(path, body, {} if given is None else {"content-type": given})
    for coding in _CODINGS:
        yield Case(path, body, {"content-type": JSON_TYPE, "content-encoding": coding})
    for encoding in _ENCODINGS:
        yield Case(path, body.decode().encode(encoding))
    for length in range(LONGEST - 2, LONGEST + 3):
        yield Case(path, body.ljust(length))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every kind of request; about a half is answered with 200."""
    model = draw(_models)
    kind = draw(_kinds)
    body = draw(documents if kind == 25 else _bodies[model]).encode(errors="surrogatepass")
    headers = {"content-type": JSON_TYPE}
    cuts: tuple[int, ...] = ()
    if 20 <= kind <= 24:
        body = draw(_changes)(draw, body)
    elif kind == 16:
        given = draw(_types)
        headers = {} if given is None else {"content-type": given}
    elif kind == 15:
        headers["content-encoding"] = draw(_codings)
    elif kind == 14:
        cuts = draw(_cuts)
    if kind % 3:
        # A server refuses a length that is not true, so that no application ever sees one.
        headers["content-length"] = str(len(body))
    path = "/v1/predict" if model.name == DEFAULT_MODEL and kind % 2 else f"/v1/models/{model.name}/predict"
    return Case(path, body, headers, cuts)
