"""JSON as a stranger might spell it: numbers, strings, rows and objects, as text."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from decimal import Decimal, localcontext
from functools import cache

import numpy as np
from hypothesis import strategies as st

Texts = st.SearchStrategy[str]

EDGES = (
    # zeros, also of more digits than a double has, and what is too small for any float
    "0", "-0", "0.0", "-0.0", "0e0", "-0E+0", "0e999999999999", "-0.0e-5", "1e-400", "-1e-400", "0." + "0" * 400 + "1",
    # bounds of the models here, their neighbours in FP32, and what becomes the bound only there
    "0.1", "0.10000000149011612", "0.10000000149011613", "0.1000000051", "0.100000006", "0.1000000089406967",
    "0.10000000894069671", "0.10000000521540642", "-1.5", "-1.50000001", "-1.5000001", "-1.50000006", "15E-1",
    # the edges of FP32: the largest, what rounds to it and what rounds to infinity, the smallest, and below
    "3.4028234663852886e38", "3.4028235677973362e38", "3.4028235677973366e38", "340282366920938463463374607431768211455",
    "-340282346638528859811704183484516925440", "1e39", "-1e39", "1.1754943508222875e-38", "1.401298464324817e-45",
    "7.006492321624085e-46", "7.006492321624086e-46", "-7.1e-46",
    # the edges of FP64
    "1.7976931348623157e308", "1.7976931348623158e308", "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
    "2.2250738585072011e-308", "2.2250738585072014e-308", "1" + "0" * 308, "0.000" + "1" * 30 + "e-300",
    # integers that no machine word or double holds
    "9007199254740993", "-9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "18446744073709551617", "16777217",
    "12345678901234567890123456789", "9007199254740993.0", "9007199254740992.99999999999999999999",
    # one number in many spellings
    "1", "1.0", "1e0", "1E0", "1e+0", "1e-0", "10e-1", "0.1e1", "1.00000000000000000000000000000", "1e00000000000000000",
    "0.00000001e8", "100000000000000000000e-20",
)  # fmt: skip
"""Numbers that JSON has and some model here may refuse all the same."""

USUAL = (
    "0.1", "0", "-1", "-1.5", "0.09375", "1e-3", "0.0625", "-0.0", "-0", "1E-45", "-0.75e0", "7.0064923216240853e-46",
    "0.10000000149011612", "0.0000001e6", "-15e-1", "5e-324", "0.1000000000000000055511151231257827", "10e-3",
)  # fmt: skip
"""Numbers that no model here refuses."""

BEYOND = (
    "1e309", "-1e309", "1.7976931348623159e308", "1e400", "-1E+999", "1e99999999999999999999", "9" * 310, "-" + "9" * 400,
    "1" + "0" * 309 + ".0", "9" * 4301, "0" + ".1" + "0" * 20 + "e330",
)  # fmt: skip
"""Numbers that JSON has and no float."""

NO_NUMBERS = (
    "true", "false", "null", '"0.5"', '"1"', '""', '"NaN"', '"\\u0031"', "[]", "[1]", "[[]]", "{}", '{"features":[1]}',
)  # fmt: skip
"""JSON of another kind."""

NO_JSON = (
    "NaN", "Infinity", "-Infinity", "nan", "inf", "-NaN", "01", "-01", "00", "1.", "-1.", ".5", "-.5", "+1", "-", "+", "--1",
    "1e", "1e+", "1e-", "1.e5", "1e1.5", "0x10", "1_000", "1,5", "1 2", "- 1", "1f", "1d", "1L", "True", "None", "undefined",
    "TRUE", "nul", "tru", "'1'", "\u0661", "\uff11", "\u22121", "1e\u0661", "", "/*1*/1", "1//\n", "\\u0031", '"', '"a', "]",
    "[", "{", "}", "{1}", '{"a"}', '{"a":}', "[1,]", "[,1]", '"\\x41"', '"\\u00g0"', '"\t"', '"\n"', '"\x00"', "\x00", "$",
)  # fmt: skip
"""What no JSON has."""

STRINGS = (
    '"ada"', '""', '"\\u0061da"', '"\\ud83d\\ude00"', '"\u00e9\u20ac\U0001f600"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\x7f\u2028"',
    '"\\u0000"', '"' + "long" * 40 + '"',
)  # fmt: skip
"""Texts that a user may be called."""

HALF_CHARACTERS = ('"\\ud800"', '"\\udc00x"', '"\\ud83d\\u0041"', '"\\ude00\\ud83d"', '"\\uD83D"')
"""What JSON can escape and no text can hold."""

SPACES = ("", " ", "\n", "\r\n", "\t", " \t\r\n ", "  ")
NO_SPACES = ("\x0b", "\x0c", "\xa0", "\u2003", "\u2028", "\ufeff", "\x00", "\x1f", "//\n", "/**/", "#")
"""Blanks and comments that JSON does not have."""


def _exact(number: float) -> str:
    """All digits of a double, as many as it takes."""
    return format(Decimal(number), "f")


def _beside(number: float, further: str) -> str:
    """A decimal that differs from a double by less than any double does, or not at all."""
    if not further:
        return _exact(number)
    with localcontext() as context:
        context.prec = 2000
        exact = Decimal(number)
        near = exact + exact.copy_abs() * Decimal(f"{further}E-30")
        return format(near, "e" if abs(near) < Decimal("1e-30") or abs(near) > Decimal("1e30") else "f")


def _spelled(number: float, form: str) -> str:
    return form.format(number)


def _between(bits: int) -> float:
    """Halfway from a finite number of FP32 to the next one; such a number is a double."""
    (number,) = struct.unpack("<f", struct.pack("<I", bits))
    with np.errstate(over="ignore"):
        after = np.nextafter(np.float32(number), np.float32(np.inf))
    return float(number) if np.isinf(after) else (float(number) + float(after)) / 2


_bits = st.integers(0x2F000000, 0x4F000000) | st.integers(0, 0x7F7FFFFF) | st.integers(0xAF000000, 0xCF000000)
_further = st.sampled_from(("", "1", "-1", "7", "-3"))
_heads = st.sampled_from(("0.", "-0.", "1.", "-12.", "900."))
_exponents = st.sampled_from(("", "e5", "E-5", "e+00", "e-30", "E+12", "e38", "e-45", "e-310", "e290"))

halfway: Texts = st.builds(_beside, _bits.map(_between), _further)
"""Where rounding to FP32 at once and by way of a double part."""

usual_numbers: Texts = st.one_of(
    st.sampled_from(USUAL),
    st.floats(-1.5, 0.1).map(repr),
    st.builds(_spelled, st.floats(-1.5, 0.1), st.sampled_from(("{:.25e}", "{:.3E}", "{:.40f}", "{:.9e}"))),
    st.builds(_beside, st.integers(0x80000001, 0xBFBFFFFF).map(_between), _further),
)
"""Numbers that every model here takes."""

numbers: Texts = st.one_of(
    st.sampled_from(EDGES),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    halfway,
    st.builds("{}{}{}".format, _heads, st.integers(0, 10**25), _exponents),
    st.integers(-(2**70), 2**70).map(str),
)
"""Numbers of every kind and size."""

faults: Texts = st.one_of(
    st.sampled_from(NO_NUMBERS), st.sampled_from(BEYOND), st.sampled_from(NO_JSON), st.sampled_from(HALF_CHARACTERS)
)

_keys = st.sampled_from(
    (
        '"features"', '"features"', '"instances"', '"instances"', '"user"', '"\\u0066eatures"', '"instance\\u0073"', '"us\\u0065r"',
        '"Features"', '"feature"', '"features "', '"x"', '""', '"class"', '"\\ud800"', '"features\\u0000"', '"\u0131nstances"',
        "features", "'features'", "1", "null", '"' + "x" * 40 + '"', '"fea\ttures"',
    )
)  # fmt: skip

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
_documents = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["features", "instances", "user", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)

documents: Texts = st.one_of(
    st.builds(json.dumps, _documents, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1])),
    st.text('{}[]":,.-+eE0123456789 truefalsnu\\', max_size=30),
    st.builds(
        # As deep as both read, or deeper than either does: where between them they give up depends on their own stacks.
        lambda depth, brackets, field: f'{{"{field}": {brackets[0] * depth}1{brackets[1] * depth}}}',
        st.sampled_from([1, 2, 3, 10, 300, 3000]),
        st.sampled_from([("[", "]"), ('{"a":', "}"), ("[", "")]),
        st.sampled_from(["features", "instances", "user", "x"]),
    ),
)
"""JSON of any shape, and what looks like it."""


_spoils = st.sampled_from(("value", "value", "value", "longer", "shorter", "empty", "one"))
_row_counts = st.sampled_from((1, 2, 3, 5, 1, 2, 3, 5, 99, 100, 0, 101, 250))
_places = st.integers(0, 249)
_tenths = st.integers(0, 9)
_spaces = st.sampled_from(SPACES)
_no_rows = st.one_of(faults, numbers)
_users = st.sampled_from((*STRINGS, *STRINGS, *HALF_CHARACTERS, "null", "5"))
_values = st.one_of(faults, numbers, st.sampled_from(("null", *STRINGS)))


@cache
def _rows(width: int) -> st.SearchStrategy[list[tuple[str, ...]]]:
    usual = st.tuples(*[usual_numbers] * width)
    return st.lists(st.one_of(usual, usual, usual, usual, st.tuples(*[numbers] * width)), min_size=1, max_size=3)


def _array(values: Iterable[str], space: str) -> str:
    return f"[{space}{f'{space},{space}'.join(values)}{space}]"


def _single(draw: st.DrawFn, width: int, space: str) -> str:
    """A row for `features`, now and then with one bad value or of another length."""
    row = list(draw(_rows(width))[0])
    if draw(_tenths) == 9:
        _spoil(draw, row)
    return _array(row, space)


def _many(draw: st.DrawFn, width: int, space: str) -> str:
    """Rows for `instances`: mostly a few good ones; also none, 99 to 101, of another length, and with bad values."""
    different = draw(_rows(width))
    count = draw(_row_counts)
    rows = [list(different[place % len(different)]) for place in range(count)]
    spoilt = draw(_tenths)
    if rows and spoilt >= 8:
        for _ in range(spoilt - 7):
            _spoil(draw, rows[draw(_places) % count])
    values = [_array(row, space) for row in rows]
    if values and spoilt == 7:
        values[draw(_places) % count] = draw(_no_rows)
    return _array(values, space)


def _spoil(draw: st.DrawFn, row: list[str]) -> None:
    how = draw(_spoils)
    if how == "value" and row:
        row[draw(_places) % len(row)] = draw(faults)
    elif how == "longer":
        row.append(draw(numbers))
    else:
        del row[{"shorter": len(row) - 1, "empty": 0, "one": 1}.get(how, len(row)) :]


@st.composite
def objects(draw: st.DrawFn, width: int) -> str:
    """An object with one of the two fields, or nearly."""
    space = draw(_spaces)
    plan = draw(st.integers(0, 39))
    members = [('"features"', _single(draw, width, space))] if plan % 2 else [('"instances"', _many(draw, width, space))]
    if plan >= 36:
        members.append(('"user"', draw(_users)))
    elif plan >= 34:
        members.append((draw(_keys), draw(_values)))
    elif plan >= 33:
        members.append((draw(_keys), _single(draw, width, space)))
    elif plan >= 32:
        members.append((draw(_keys), _many(draw, width, space)))
    elif plan == 31:
        members.append(members[0])
    if len(members) > 1 and draw(st.booleans()):
        members.reverse()
    texts = [f"{key}{space}:{space}{value}" for key, value in members]
    return f"{space}{{{space}{f'{space},{space}'.join(texts)}{space}}}{space}"
