"""Says what is wrong with a body that should hold rows of numbers; see `json_faults`."""

from __future__ import annotations

import sys
from functools import partial

from plimsoll.errors import ClientError, InvalidInput
from plimsoll.tasks.json_faults import BodyForm, kind_of, syntax_fault
from plimsoll.tasks.json_faults import explain as explain_json

FORM = BodyForm(
    'an object {"features": [numbers]} for one row, or {"instances": [[numbers], ...]} for many',
    "features",
    "instances",
)


def explain(body: bytes, width: int) -> ClientError:
    """The error for a body that is not a valid request of rows of `width` numbers."""
    return explain_json(body, FORM, partial(fault_of_row, width))


def explain_surplus(body: bytes, rows: int, width: int) -> ClientError:
    """The error for a body of far more than `rows` rows of `width` numbers."""
    return syntax_fault(body, FORM) or InvalidInput(
        "the body holds too many rows or numbers", expected=f"at most {rows} rows of {width} numbers"
    )


def fault_of_row(width: int, row: object, index: int | None) -> InvalidInput | None:
    """The error for a row that is no array of `width` numbers; `index` is its place in a list of rows."""
    where = "features" if index is None else f"row {index} of instances"
    if not isinstance(row, list):
        return InvalidInput(
            f"{where} has the wrong type", expected=f"an array of {width} numbers", given=kind_of(row), index=index
        )
    for position, value in enumerate(row):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return InvalidInput(
                f"{where} holds something else than a number at position {position}",
                expected=f"an array of {width} numbers",
                given=kind_of(value),
                index=index,
            )
        if abs(value) > sys.float_info.max:
            return InvalidInput(
                f"{where} holds a number beyond every range at position {position}",
                expected="finite numbers",
                given="a number too large for a float",
                index=index,
            )
    return None
