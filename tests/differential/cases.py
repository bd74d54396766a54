"""Requests: a body in bytes, how it is cut into chunks, and the headers around it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from tests.differential.texts import NO_SPACES, SPACES, documents, objects
from tests.doubles.reference_v1 import ReferenceModel

LONGEST = 8192
"""Bytes of a body that both applications take."""

MODELS = (
    ReferenceModel("free", "3", 3),
    ReferenceModel("bounded", "10", 2, minimum=-1.5, maximum=0.1),
    ReferenceModel("single", "1", 1),
    ReferenceModel("double", "7", 2, np.float64),
)
DEFAULT_MODEL = MODELS[0].name
JSON_TYPE = "application/json"

_TYPES = (
    None, "", "text/plain", "application/jsonx", "application/x-ndjson", "application/problem+json", "text/json", "application",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json, text/plain", "json", "*/*",
    "Application/JSON", "application/json;charset=utf-8", "application/json; charset=utf-16", "application/json ; a=b",
    "application/json;", " application/json", "APPLICATION/JSON;charset=latin-1", "application/json; charset",
)  # fmt: skip
_CODINGS = ("identity", "Identity", "gzip", "deflate", "br", "identity, gzip", "utf-8", "")
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7", "cp1252")
_INSERTED = (
    b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xef\xbb\xbf", b",", b'"', b"\\", b"]",
    b"}", b"[", b"{", b"-", b"0", b"e", b".", b"\n", b"\t", b"\x01", b"\x7f", b"\xc2\xa0", b":", b"1", b"N", b"\\u", b"//",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One request."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": JSON_TYPE})
    cuts: tuple[int, ...] = ()

    def chunks(self) -> list[bytes]:
        """The body in the pieces in which it arrives."""
        places = [0, *sorted(cut % (len(self.body) + 1) for cut in self.cuts), len(self.body)]
        return [self.body[start:end] for start, end in zip(places, places[1:], strict=False)]


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
_junk = st.sampled_from((*NO_SPACES, *SPACES, "x", "{}", "null", "]", "}", ",")).map(str.encode)
_little = st.text("".join([*SPACES, *NO_SPACES]), max_size=4).map(str.encode) | st.binary(max_size=6)
_padding = st.sampled_from((b" ", b" ", b"\n", b"\x00"))
_surplus = st.sampled_from((-1, 0, 0, 1, 1, 2, LONGEST, 9 * LONGEST))
_changes = st.sampled_from((
    _truncated, _overwritten, _overwritten, _inserted, _inserted, _without_a_part, _with_a_part_twice, _encoded_otherwise,
    _surrounded, _alone, _padded, _padded,
))  # fmt: skip
_bodies = {model: objects(model.width) for model in MODELS}
_models = st.sampled_from(MODELS)
_kinds = st.integers(0, 29)
_types = st.sampled_from(_TYPES)
_codings = st.sampled_from(_CODINGS)
_cuts = st.lists(_any_place, min_size=1, max_size=4).map(tuple)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every kind of request; about a half is answered with 200."""
    model = draw(_models)
    kind = draw(_kinds)
    body = draw(documents if kind == 29 else _bodies[model]).encode(errors="surrogatepass")
    headers = {"content-type": JSON_TYPE}
    cuts: tuple[int, ...] = ()
    if 22 <= kind <= 28:
        body = draw(_changes)(draw, body)
    elif kind == 21:
        given = draw(_types)
        headers = {} if given is None else {"content-type": given}
    elif kind == 20:
        headers["content-encoding"] = draw(_codings)
    elif 17 <= kind <= 19:
        cuts = draw(_cuts)
    if kind % 3:
        # A server refuses a length that is not true, so that no application ever sees one.
        headers["content-length"] = str(len(body))
    path = "/v1/predict" if model.name == DEFAULT_MODEL and kind % 2 else f"/v1/models/{model.name}/predict"
    return Case(path, body, headers, cuts)
