from __future__ import annotations

from pathlib import Path

import plimsoll.tasks
import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.task_files import no_file
from plimsoll.errors import BundleError
from plimsoll.tasks import TASKS, bind_task
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.tasks.tensors import TensorTask

from tests.conftest import MakeBundle

PARTS = {
    "column_options",
    "columns",
    "tabular_rows",
    "target_options",
    "wire_tensors",
    "__init__",
    "box_suppression",
    "finite_numbers",
    "flat_rows",
    "json_faults",
    "json_values",
    "text_faults",
    "text_tokens",
    "entity_spans",
    "texts",
    "nested_numbers",
    "number_faults",
    "number_rows",
    "padding",
    "row_documents",
    "own_inputs",
    "own_task",
    "own_task_binding",
    "picture_decoding",
    "picture_fitting",
    "picture_formats",
    "picture_reader",
    "picture_rows",
    "plain_json",
    "task_options",
}
"""Files of the folder that tasks share; each other one is a task."""


@pytest.fixture
def bundle(make_tiny_bundle: MakeBundle) -> Bundle:
    return make_tiny_bundle()


def test_every_file_of_a_task_stands_in_the_table_by_its_name() -> None:
    files = {path.stem for path in Path(plimsoll.tasks.__file__).parent.glob("*.py")} - PARTS
    assert {name.replace("-", "_") for name in TASKS} == files


def test_a_task_is_bound_by_the_name_in_the_manifest(bundle: Bundle) -> None:
    assert isinstance(bind_task(bundle.manifest, no_file), TabularClassification)
    assert isinstance(bind_task(bundle.manifest.model_copy(update={"task": "tensors"}), no_file), TensorTask)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task": "image-dreams"}, "there is no task 'image-dreams'; this server has tabular-classification, tabular-"),
        (
            {"options": {"top": 5}},
            "the task tabular-classification takes the option columns, and the manifest has 'top'",
        ),
    ],
)
def test_a_task_that_is_not_there_or_an_option_that_it_does_not_take_is_refused(
    bundle: Bundle, change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BundleError) as caught:
        bind_task(bundle.manifest.model_copy(update=change), no_file)
    assert caught.value.check == "task"
    assert caught.value.message.startswith(sentence)
