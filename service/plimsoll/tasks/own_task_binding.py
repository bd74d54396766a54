"""Makes the task of one's own that a bundle names, and checks what it declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden_requests import read_requests
from plimsoll.bundle.task_files import listed_files
from plimsoll.errors import BundleError
from plimsoll.inference.task_threads import BoundTask, TaskObserver, TaskThreads
from plimsoll.own_task import OwnTask, Setup
from plimsoll.quoting import quote
from plimsoll.tasks.own_task import ROW_TYPES, AdaptedTask

MakeTask = Callable[[str, Setup], OwnTask]
"""Calls the factory of that name; raises a `BundleError` with check `task`."""
MOST_METRIC_NAMES = 8
_METRIC_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ITEM = re.compile(r"[a-z][a-z0-9_]{0,39}")
_STEPS = ("read", "write")
_TAKEN_ITEMS = ("instances", "user")
_LONGEST_SCHEMA = 100_000


class DeclaredMetrics:
    """Implements `own_task.Metrics`: passes on the names that the task has declared."""

    def __init__(self, observer: TaskObserver) -> None:
        self._observer = observer
        self._names: frozenset[str] = frozenset()

    def declare(self, names: Sequence[str]) -> None:
        """Accept these names from now on."""
        self._names = frozenset(names)
        self._observer.declare(names)

    def count(self, name: str) -> None:
        """See `own_task.Metrics`."""
        self._observer.count(self._declared(name))

    def observe(self, name: str, seconds: float) -> None:
        """See `own_task.Metrics`."""
        self._observer.observe(self._declared(name), float(seconds))

    def _declared(self, name: str) -> str:
        if name not in self._names:
            declared = ", ".join(sorted(self._names)) or "none"
            raise ValueError(f"{name!r} is not one of the metric_names of this task, which are: {declared}")
        return name


def bind_own_task(bundle: Bundle, make: MakeTask, observer: TaskObserver) -> BoundTask:
    """The task of a bundle whose manifest names a factory, with threads of its own.

    Runs the factory, which may take as long as it likes: call it where that blocks nothing.

    Raises:
        BundleError: with check `task` if the factory fails or the task declares something wrong; `files`, `digest` or
            `golden` for files of the bundle.
    """
    manifest = bundle.manifest
    signature = manifest.line_signature()
    metrics = DeclaredMetrics(observer)
    labels = {spec.name: spec.labels for spec in signature.outputs if spec.labels}
    options: Mapping[str, Any] = MappingProxyType(manifest.options)

    own = make(manifest.task, Setup(options, labels, listed_files(manifest, bundle.read), metrics))
    if fault := _fault_of(own):
        raise BundleError("task", f"the task '{manifest.task}' {fault}")
    metrics.declare(list(own.metric_names))
    requests = read_requests(bundle)
    task = AdaptedTask(own, signature, _first_row(requests[0].body, own.item) if requests else None)
    return BoundTask(task, TaskThreads(observer))


def _fault_of(own: OwnTask) -> str:
    item: Any = own.item
    if not isinstance(item, str) or not _ITEM.fullmatch(item) or item in _TAKEN_ITEMS:
        return "has an 'item' that is no name of a field: lower-case letters, digits and _, and not instances or user"
    for name in ("row_schema", "result_schema"):
        if not _is_schema(getattr(own, name)):
            return f"has a '{name}' that is no JSON schema, an object of at most {_LONGEST_SCHEMA} bytes of JSON"
    if not _are_types(own.row_schema.get("type", ROW_TYPES)):
        return f"has a 'row_schema' whose 'type' is neither one of {', '.join(ROW_TYPES)} nor a list of some of them"
    names: Any = own.metric_names
    if not isinstance(names, list | tuple) or len(names) > MOST_METRIC_NAMES:
        return f"has 'metric_names' that are no list of at most {MOST_METRIC_NAMES} names"
    for each in names:
        if not isinstance(each, str) or not _METRIC_NAME.fullmatch(each) or each in _STEPS or names.count(each) > 1:
            return (
                f"has the metric name {quote(str(each))}; names differ, are lower-case letters, digits and _, 40 at "
                f"most, and none is {' or '.join(_STEPS)}"
            )
    return ""


def _is_schema(value: object) -> bool:
    try:
        return isinstance(value, dict) and len(orjson.dumps(value)) <= _LONGEST_SCHEMA
    except TypeError:
        return False


def _are_types(given: object) -> bool:
    """Whether the `type` of a schema names a type, or some in a list."""
    names = given if isinstance(given, list | tuple) else [given]
    return bool(names) and all(isinstance(each, str) and each in ROW_TYPES for each in names)


def _first_row(body: bytes, item: str) -> object:
    """The first row of a body; `None` if it has none."""
    try:
        document = orjson.loads(body)
        return document[item] if item in document else document["instances"][0]
    except (orjson.JSONDecodeError, TypeError, LookupError):
        return None
