"""Documents as text: what the service takes, and nearly that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache

from hypothesis import strategies as st

from tests.differential.spellings import (
    BEYOND,
    BYTES_OF_A_NUMBER,
    COMMON_FAULTS,
    HALF_CHARACTERS,
    NO_JSON,
    NO_NUMBERS,
    SPACES,
    STRINGS,
    any_number,
    usual_number,
)

Texts = st.SearchStrategy[str]

DIFFERENT_ROWS = 3

numbers: Texts = st.binary(min_size=BYTES_OF_A_NUMBER, max_size=BYTES_OF_A_NUMBER).map(any_number)
"""Numbers of every kind and size."""

faults: Texts = st.sampled_from((*NO_NUMBERS * 4, *BEYOND * 2, *NO_JSON, *COMMON_FAULTS * 6, HALF_CHARACTERS[0]))
"""What a number cannot be spelled as."""

_keys = st.sampled_from(
    (
        '"features"', '"features"', '"instances"', '"instances"', '"user"', '"\\u0066eatures"', '"instance\\u0073"',
        '"us\\u0065r"', '"Features"', '"feature"', '"features "', '"x"', '""', '"class"', '"\\ud800"',
        '"features\\u0000"', '"\u0131nstances"', "features", "'features'", "1", "null", '"' + "x" * 40 + '"',
        '"fea\ttures"',
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


_spoils = st.sampled_from((*("value",) * 8, "longer", "shorter", "empty", "one"))
_row_counts = st.sampled_from((1, 2, 3, 5, 1, 2, 3, 5, 99, 100, 0, 101, 250))
_places = st.integers(0, 249)
_tenths = st.integers(0, 9)
_spaces = st.sampled_from(SPACES)
_no_rows = st.one_of(faults, numbers)
_users = st.sampled_from((*STRINGS, *STRINGS, *HALF_CHARACTERS, "null", "5"))
_values = st.one_of(faults, numbers, st.sampled_from(("null", *STRINGS)))


@cache
def _rows(width: int) -> st.SearchStrategy[list[list[str]]]:
    length = 1 + width * BYTES_OF_A_NUMBER
    return st.binary(min_size=DIFFERENT_ROWS * length, max_size=DIFFERENT_ROWS * length).map(
        lambda content: [_row(content[start : start + length]) for start in range(0, len(content), length)]
    )


def _row(content: bytes) -> list[str]:
    """The numbers that these bytes stand for; one row in five has any, all others have only what every model takes."""
    spell = any_number if content[0] > 204 else usual_number
    return [spell(content[start : start + BYTES_OF_A_NUMBER]) for start in range(1, len(content), BYTES_OF_A_NUMBER)]


def _array(values: Iterable[str], space: str) -> str:
    return f"[{space}{f'{space},{space}'.join(values)}{space}]"


def _single(draw: st.DrawFn, width: int, space: str) -> str:
    """A row for `features`, now and then with one bad value or of another length."""
    row = list(draw(_rows(width))[0])
    if draw(_tenths) >= 8:
        _spoil(draw, row)
    return _array(row, space)


def _many(draw: st.DrawFn, width: int, space: str) -> str:
    """Rows for `instances`: mostly a few good ones; also none, 99 to 101, of another length, and with bad values."""
    different = draw(_rows(width))
    count = draw(_row_counts)
    rows = [list(different[place % len(different)]) for place in range(count)]
    spoilt = draw(_tenths)
    if rows and spoilt >= 8:
        for _ in range(2 if spoilt == 9 else 1):
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
    members = (
        [('"features"', _single(draw, width, space))] if plan % 2 else [('"instances"', _many(draw, width, space))]
    )
    if plan >= 36:
        members.append(('"user"', draw(_users)))
    elif plan >= 33:
        members.append((draw(_keys), draw(_values)))
    elif plan >= 31:
        members.append((draw(_keys), _single(draw, width, space)))
    elif plan >= 30:
        members.append((draw(_keys), _many(draw, width, space)))
    elif plan == 29:
        members.append(members[0])
    if len(members) > 1 and draw(st.booleans()):
        members.reverse()
    texts = [f"{key}{space}:{space}{value}" for key, value in members]
    return f"{space}{{{space}{f'{space},{space}'.join(texts)}{space}}}{space}"
