from __future__ import annotations

from fractions import Fraction

import pytest
from plimsoll.errors import BundleError
from plimsoll.runtime.places import check_allowed, imported


def test_a_place_is_imported_by_its_name() -> None:
    assert imported("fractions:Fraction") is Fraction
    with pytest.raises(AttributeError):
        imported("fractions:Nothing")


def test_a_place_that_nobody_has_allowed_is_refused_with_those_that_are() -> None:
    check_allowed("task", "task", "a:b", ["a:b"])
    with pytest.raises(BundleError, match=r"the bundle wants the task 'a:c', .*; allowed now: a:b") as caught:
        check_allowed("task", "task", "a:c", ["a:b"])
    assert caught.value.check == "task"
