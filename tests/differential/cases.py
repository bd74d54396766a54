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


def _truncated(draw: st.DrawFn, body: bytes) -> bytes:
    return body[: draw(st.integers(0, max(0, len(body) - 1)))]


def _overwritten(draw: st.DrawFn, body: bytes) -> bytes:
    place = draw(st.integers(0, max(0, len(body) - 1)))
    return body[:place] + bytes([draw(st.integers(0, 255))]) + body[place + 1 :]


def _inserted(draw: st.DrawFn, body: bytes) -> bytes:
    place = draw(st.integers(0, len(body)))
    return body[:place] + draw(st.sampled_from(_INSERTED)) + body[place:]


def _without_a_part(draw: st.DrawFn, body: bytes) -> bytes:
    place = draw(st.integers(0, len(body)))
    return body[:place] + body[place + draw(st.integers(1, 3)) :]


def _with_a_part_twice(draw: st.DrawFn, body: bytes) -> bytes:
    start = draw(st.integers(0, len(body)))
    end = min(len(body), start + draw(st.integers(1, 30)))
    return body[:end] + body[start:]


def _encoded_otherwise(draw: st.DrawFn, body: bytes) -> bytes:
    return body.decode().encode(draw(st.sampled_from(_ENCODINGS)), errors="replace")


def _surrounded(draw: st.DrawFn, body: bytes) -> bytes:
    junk = st.sampled_from([*NO_SPACES, *SPACES, "x", "{}", "null", "]", "}", ","]).map(str.encode)
    return draw(junk) + body + draw(junk)


def _alone(draw: st.DrawFn, _: bytes) -> bytes:
    return draw(st.text("".join([*SPACES, *NO_SPACES]), max_size=4).map(str.encode) | st.binary(max_size=6))


def _padded(draw: st.DrawFn, body: bytes) -> bytes:
    length = LONGEST + draw(st.sampled_from([-1, 0, 1, 2, LONGEST, 9 * LONGEST]))
    return body + draw(st.sampled_from([b" ", b"\n", b"\x00"])) * (length - len(body))


_CHANGES = (
    _truncated, _overwritten, _overwritten, _inserted, _inserted, _without_a_part, _with_a_part_twice, _encoded_otherwise,
    _surrounded, _alone, _padded,
)  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every kind of request; about four in ten are answered with 200."""
    model = draw(st.sampled_from(MODELS))
    path = "/v1/predict" if model.name == DEFAULT_MODEL and draw(st.booleans()) else f"/v1/models/{model.name}/predict"
    kind = draw(st.integers(0, 19))
    body = draw(documents if kind == 0 else objects(model.width)).encode(errors="surrogatepass")
    headers = {"content-type": JSON_TYPE}
    cuts: tuple[int, ...] = ()
    if 1 <= kind <= 5:
        body = draw(st.sampled_from(_CHANGES))(draw, body)
    elif kind == 6:
        given = draw(st.sampled_from(_TYPES))
        headers = {} if given is None else {"content-type": given}
    elif kind == 7:
        headers["content-encoding"] = draw(st.sampled_from(_CODINGS))
    elif kind <= 9:
        cuts = tuple(draw(st.lists(st.integers(0, 9999), min_size=1, max_size=4)))
    if draw(st.booleans()):
        # A server refuses a length that is not true, so that no application ever sees one.
        headers["content-length"] = str(len(body))
    return Case(path, body, headers, cuts)
