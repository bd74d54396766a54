from __future__ import annotations

from typing import Any

import pytest
from plimsoll.errors import BundleError
from plimsoll.tasks.target_options import targets_from

NAMES = ["hires", "few", "many"]
INTERVAL = {"low": "few", "high": "many", "level": 0.9}


def test_targets_have_a_unit_a_description_and_an_interval() -> None:
    targets = targets_from(
        NAMES, {"targets": {"hires": {"unit": "bikes", "interval": INTERVAL, "description": "Hired."}}}
    )
    assert targets["hires"].words == "Hired. In bikes."
    assert targets["hires"].interval is not None
    assert targets["hires"].interval.level == 0.9
    assert targets_from(NAMES, {}) == {}


@pytest.mark.parametrize(
    ("targets", "fault"),
    [
        ([], "is malformed: the document: Input should be a valid dictionary"),
        ({"hires": {"units": "bikes"}}, "is malformed: hires.units: Extra inputs are not permitted"),
        ({"hires": {"interval": {**INTERVAL, "level": 90}}}, "hires.interval.level: Input should be less than 1"),
        ({"price": {}}, "names the target 'price', and the outputs of the model have 'hires', 'few', 'many'"),
        ({"hires": {"interval": {**INTERVAL, "low": "none"}}}, "names the target 'none'"),
        ({"hires": {"interval": {**INTERVAL, "low": "many"}}}, "takes 'many' for the end of an interval"),
        ({"hires": {"interval": {**INTERVAL, "low": "hires"}}}, "takes 'hires' for the end of an interval"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_by_what_is_wrong_with_it(targets: Any, fault: str) -> None:
    with pytest.raises(BundleError) as caught:
        targets_from(NAMES, {"targets": targets})
    assert (caught.value.check, fault in caught.value.message) == ("task", True), caught.value.message
