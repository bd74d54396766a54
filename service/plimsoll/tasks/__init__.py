"""The tasks: the purposes of models. A new task is one file, and one line in this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plimsoll.bundle.manifest import Manifest
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Task
from plimsoll.quoting import quote
from plimsoll.tasks import tabular_classification, tabular_regression, tensors
from plimsoll.tasks.task_options import Options

TASKS: Mapping[str, Callable[[Signature, Options], Task]] = {
    tabular_classification.NAME: tabular_classification.TabularClassification,
    tabular_regression.NAME: tabular_regression.TabularRegression,
    tensors.NAME: tensors.TensorTask,
}


def bind_task(manifest: Manifest) -> Task:
    """The task of a version, bound to its signature; called once, when the version is loaded.

    Raises:
        BundleError: with check `task`, when this version of Plimsoll has no such task, the task does not fit the
            signature, so that nothing could ask the model, or an option is not one of the task's.
    """
    task = TASKS.get(manifest.task)
    if task is None:
        raise BundleError("task", f"there is no task {quote(manifest.task)}; this server has {', '.join(TASKS)}")
    return task(manifest.line_signature(), manifest.options)
