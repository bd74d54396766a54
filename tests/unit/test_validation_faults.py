from __future__ import annotations

from typing import Any, Self

import pytest
from plimsoll.validation_faults import describe_fault, first_fault, sentence_of
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator


class Item(BaseModel):
    """One of a list."""

    name: str


class Record(BaseModel):
    """What the documents of this test hold."""

    model_config = ConfigDict(strict=True)

    items: list[Item]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if len({item.name for item in self.items}) != len(self.items):
            raise ValueError("two items have one name; give each its own")
        return self


def error_of(document: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Record.model_validate(document)
    return caught.value


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "items: Field required"),
        ({"items": [{}]}, "items.0.name: Field required"),
        ([], "the document: Input should be a valid dictionary"),
        ({"items": [7]}, "items.0: Input should be a valid dictionary"),
        ({"items": [{"name": "a"}, {"name": "a"}]}, "two items have one name; give each its own"),
        ({"items": [{"name": 1}, {}]}, "items.0.name: Input should be a valid string; items.1.name: Field required"),
    ],
)
def test_each_fault_has_its_place_and_no_class_of_ours(document: Any, sentence: str) -> None:
    assert sentence_of(error_of(document)) == sentence


def test_of_many_faults_the_first_are_named_and_the_others_counted() -> None:
    error = error_of({"items": [{}] * 1000})
    sentence = sentence_of(error)
    assert (sentence.count("Field required"), sentence[-14:]) == (5, "; and 995 more")
    assert sentence_of(error, most=None).count("Field required") == 1000
    assert sentence_of(error, lambda fault: fault.place, most=1) == "items.0.name; and 999 more"


def test_what_was_given_is_not_shown_with_the_fault_because_it_may_be_a_secret() -> None:
    fault = first_fault(error_of({"items": "plim_secret"}))
    assert (fault.kind, fault.place, fault.given) == ("list_type", "items", "plim_secret")
    assert "plim_secret" not in repr(fault) + describe_fault(fault)
