"""JSON as a stranger might spell it: numbers, strings and blanks, good and bad.

A number is made of eight bytes, so that a row is one draw of hypothesis: it takes most of the time where each number is
several.
"""

from __future__ import annotations

import math
import struct
from decimal import Decimal, localcontext

import numpy as np

EDGES = (
    # zeros, also of more digits than a double has, and what is too small for any float
    "0", "-0", "0.0", "-0.0", "0e0", "-0E+0", "0e999999999999", "-0.0e-5", "1e-400", "-1e-400",
    "0." + "0" * 400 + "1",
    # bounds of the models here, their neighbours in FP32, and what becomes the bound only there
    "0.1", "0.10000000149011612", "0.10000000149011613", "0.1000000051", "0.100000006", "0.1000000089406967",
    "0.10000000894069671", "0.10000000521540642", "-1.5", "-1.50000001", "-1.5000001", "-1.50000006", "15E-1",
    # the edges of FP32: the largest, what rounds to it and what rounds to infinity, the smallest, and below
    "3.4028234663852886e38", "3.4028235677973362e38", "3.4028235677973366e38",
    "340282366920938463463374607431768211455", "-340282346638528859811704183484516925440", "1e39", "-1e39",
    "1.1754943508222875e-38", "1.401298464324817e-45", "7.006492321624085e-46", "7.006492321624086e-46", "-7.1e-46",
    # the edges of FP64
    "1.7976931348623157e308", "1.7976931348623158e308", "5e-324", "2.4703282292062327e-324",
    "2.4703282292062328e-324", "2.2250738585072011e-308", "2.2250738585072014e-308", "1" + "0" * 308,
    "0.000" + "1" * 30 + "e-300",
    # integers that no machine word or double holds
    "9007199254740993", "-9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "18446744073709551617", "16777217",
    "12345678901234567890123456789", "9007199254740993.0", "9007199254740992.99999999999999999999",
    # one number in many spellings
    "1", "1.0", "1e0", "1E0", "1e+0", "1e-0", "10e-1", "0.1e1", "1.00000000000000000000000000000",
    "1e00000000000000000", "0.00000001e8", "100000000000000000000e-20",
)  # fmt: skip
"""Numbers that JSON has and some model here may refuse all the same."""

USUAL = (
    "0.1", "0", "-1", "-1.5", "0.09375", "1e-3", "0.0625", "-0.0", "-0", "1E-45", "-0.75e0", "7.0064923216240853e-46",
    "0.10000000149011612", "0.0000001e6", "-15e-1", "5e-324", "0.1000000000000000055511151231257827", "10e-3",
)  # fmt: skip
"""Numbers that no model here refuses."""

BEYOND = (
    "1e309", "-1e309", "1.7976931348623159e308", "1e400", "-1E+999", "1e99999999999999999999", "9" * 310,
    "-" + "9" * 400, "1" + "0" * 309 + ".0", "9" * 4301, "0" + ".1" + "0" * 20 + "e330",
)  # fmt: skip
"""Numbers that JSON has and no float."""

NO_NUMBERS = (
    "true", "false", "null", '"0.5"', '"1"', '""', '"NaN"', '"\\u0031"', "[]", "[1]", "[[]]", "{}",
    '{"features":[1]}',
)  # fmt: skip
"""JSON of another kind."""

NO_JSON = (
    "NaN", "Infinity", "-Infinity", "nan", "inf", "-NaN", "01", "-01", "00", "1.", "-1.", ".5", "-.5", "+1", "-", "+",
    "--1", "1e", "1e+", "1e-", "1.e5", "1e1.5", "0x10", "1_000", "1,5", "1 2", "- 1", "1f", "1d", "1L", "True",
    "None", "undefined", "TRUE", "nul", "tru", "'1'", "\u0661", "\uff11", "\u22121", "1e\u0661", "", "/*1*/1",
    "1//\n", "\\u0031", '"', '"a', "]", "[", "{", "}", "{1}", '{"a"}', '{"a":}', "[1,]", "[,1]", '"\\x41"',
    '"\\u00g0"', '"\t"', '"\n"', '"\x00"', "\x00", "$",
)  # fmt: skip
"""What no JSON has."""

COMMON_FAULTS = ("true", "null", "NaN", "+1", "01", "1.", "1e400", '"0.5"', "")
"""What programs really send. Nothing at all makes a comma that is one too many."""

STRINGS = (
    '"ada"', '""', '"\\u0061da"', '"\\ud83d\\ude00"', '"\u00e9\u20ac\U0001f600"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"\x7f\u2028"', '"\\u0000"', '"' + "long" * 40 + '"',
)  # fmt: skip
"""Texts that a user may be called."""

HALF_CHARACTERS = ('"\\ud800"', '"\\udc00x"', '"\\ud83d\\u0041"', '"\\ude00\\ud83d"', '"\\uD83D"')
"""What JSON can escape and no text can hold."""

SPACES = ("", " ", "\n", "\r\n", "\t", " \t\r\n ", "  ")
NO_SPACES = ("\x0b", "\x0c", "\xa0", "\u2003", "\u2028", "\ufeff", "\x00", "\x1f", "//\n", "/**/", "#")
"""Blanks and comments that JSON does not have."""

BYTES_OF_A_NUMBER = 8
_FORMS = ("{!r}", "{:.25e}", "{:.3E}", "{:.40f}", "{:.9e}")
_NEAR = ("0", "1E-30", "-1E-30", "7E-30", "-3E-40")
"""Parts of a number that make no difference to a double, except to one that lies halfway."""
_HEADS = ("0.", "-0.", "1.", "-12.", "900.")
_EXPONENTS = ("", "e5", "E-5", "e+00", "e-30", "E+12", "e38", "e-45", "e-310", "e290")
_LOWEST, _HIGHEST = -1.5, 0.1


def usual_number(content: bytes) -> str:
    """A number that every model here takes."""
    form, choice, bits = struct.unpack("<BBxxI", content)
    if form < 100:
        return USUAL[choice % len(USUAL)]
    if form < 130:
        number = math.ldexp(bits, -32) * _LOWEST or _LOWEST
        return _beside(_between_doubles(number), _NEAR[choice % len(_NEAR)])
    if form < 200:
        return _FORMS[choice % len(_FORMS)].format(_LOWEST + (_HIGHEST - _LOWEST) * bits / 2**32)
    return _beside(_between(0x80000001 + bits % 0x3FBFFFFE), _NEAR[choice % len(_NEAR)])


def any_number(content: bytes) -> str:
    """A number of any kind and size."""
    form, choice, bits = struct.unpack("<BBxxI", content)
    if form < 90:
        return EDGES[choice % len(EDGES)]
    if form < 130:
        (double,) = struct.unpack("<d", content[::-1])
        if not math.isfinite(double):
            return "1"
        return repr(double) if form < 110 else _beside(_between_doubles(double), _NEAR[choice % len(_NEAR)])
    if form < 190:
        # From 1e-10 to 1e9, of either sign, more often than all the others.
        near_one = 0x2F000000 + bits % 0x20000000 + (choice % 2 << 31)
        return _beside(_between(near_one if form < 170 else bits % 0x7F800000), _NEAR[choice % len(_NEAR)])
    if form < 230:
        return f"{_HEADS[choice % len(_HEADS)]}{bits}{bits:o}{_EXPONENTS[bits % len(_EXPONENTS)]}"
    return str((bits << choice % 40) - (1 << 68 if choice % 3 else 0))


def _beside(number: float | Decimal, part: str) -> str:
    """A decimal that differs from a number by less than any double would; all its digits."""
    with localcontext(prec=2000):
        exact = Decimal(number)
        near = exact + abs(exact) * Decimal(part)
        return format(near, "f" if Decimal("1e-30") < abs(exact) < Decimal("1e30") else "e")


def _between(bits: int) -> float:
    """Halfway from a finite number of FP32 to the next one; such a number is a double."""
    (number,) = struct.unpack("<f", struct.pack("<I", bits))
    after = np.nextafter(np.float32(number), np.float32(np.inf))
    return float(number) if np.isinf(after) else (float(number) + float(after)) / 2


def _between_doubles(number: float) -> Decimal:
    """Halfway from a double to the next one."""
    with localcontext(prec=2000):
        return (Decimal(number) + Decimal(math.nextafter(number, 0))) / 2
