"""The tasks: the purposes of models. A new task is one file, and one line in this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.manifest import Manifest
from plimsoll.bundle.task_files import ReadFile, listed_files
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Task
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.inference.task_threads import BoundTask, TaskObserver, UnobservedTask
from plimsoll.quoting import quote
from plimsoll.tasks import (
    embeddings,
    image_classification,
    object_detection,
    tabular_classification,
    tabular_regression,
    tensors,
    text_classification,
    token_classification,
)
from plimsoll.tasks.own_task_binding import MakeTask, bind_own_task
from plimsoll.tasks.task_options import Options

TASKS: Mapping[str, Callable[[Signature, Options, ReadFile, TaskLimits], Task]] = {
    tabular_classification.NAME: tabular_classification.TabularClassification,
    tabular_regression.NAME: tabular_regression.TabularRegression,
    tensors.NAME: tensors.TensorTask,
    text_classification.NAME: text_classification.TextClassification,
    token_classification.NAME: token_classification.TokenClassification,
    image_classification.NAME: image_classification.ImageClassification,
    object_detection.NAME: object_detection.ObjectDetection,
    embeddings.NAME: embeddings.Embeddings,
}


def bind_task(manifest: Manifest, read_file: ReadFile, limits: TaskLimits = DEFAULT_LIMITS) -> Task:
    """One of the tasks of this server, bound to the signature of a version, the files that it reads and the limits.

    Raises:
        BundleError: with check `task`, when this version of Plimsoll has no such task, the task does not fit the
            signature, so that nothing could ask the model, or an option is not one of the task's; `files` or `digest`
            for a file that the task reads.
    """
    task = TASKS.get(manifest.task)
    if task is None:
        raise BundleError("task", f"there is no task {quote(manifest.task)}; this server has {', '.join(TASKS)}")
    return task(manifest.line_signature(), manifest.options, read_file, limits)


class TaskBinder:
    """Binds the task that a bundle names: one of this server, or the user's own, which `make` makes.

    `observer_of` gives the observer of a name and version; by default nothing is observed. `limits` are those of this
    server's own tasks.
    """

    def __init__(
        self,
        make: MakeTask,
        observer_of: Callable[[str, str], TaskObserver] = lambda _name, _version: UnobservedTask(),
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        self._make = make
        self._observer_of = observer_of
        self._limits = limits

    def __call__(self, bundle: Bundle) -> BoundTask:
        """The task of a version; called once, when the version is loaded, on a thread that may be abandoned.

        Raises:
            BundleError: see `bind_task` and `bind_own_task`.
        """
        manifest = bundle.manifest
        if not manifest.names_own_task:
            return BoundTask(bind_task(manifest, listed_files(manifest, bundle.read), self._limits))
        return bind_own_task(bundle, self._make, self._observer_of(manifest.name, manifest.version))
