"""Every form gets its own answer, and nothing inside or behind a form is carried out."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.hostile import forms_of_bodies, forms_of_fields, forms_of_lines
from tests.hostile.form import INNER_ID, NEXT, NEXT_ID, Form
from tests.hostile.served import Served
from tests.hostile.wire import conversation

CONTINUE = 100
FORMS = forms_of_lines.FORMS + forms_of_fields.FORMS + forms_of_bodies.FORMS


def test_there_are_many_forms_and_each_has_a_name_of_its_own() -> None:
    assert len(FORMS) >= 150
    assert [name for name, count in Counter(map(str, FORMS)).items() if count > 1] == []


@pytest.mark.parametrize("in_pieces", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_form_is_answered_and_nothing_in_it_is_carried_out(served: Served, form: Form, in_pieces: bool) -> None:
    logged_before = len(served.log())
    following = [] if in_pieces and form.is_last else [NEXT]  # it may have hung up
    packets = [*form.in_pieces(), *following] if in_pieces else [form.sent + NEXT]
    answers = [each for each in conversation(served.address, packets, form.without_body) if each.status != CONTINUE]
    ids = [answer.fields["x-request-id"] for answer in answers]
    assert INNER_ID not in ids
    assert f'"{INNER_ID}"' not in served.log()[logged_before:]
    kept = ids.count(NEXT_ID)
    assert tuple(answer.status for answer in answers) == form.statuses + (200,) * kept
    assert form.kept in (None, bool(kept))
    assert answers[-1].fields["connection"] == "close"
