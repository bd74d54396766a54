"""The options of a command that describe the task of a new bundle: its options, its files and golden requests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden_requests import MOST_REQUESTS, body_of
from plimsoll.cli.complaint import note
from plimsoll.cli.json_options import read_json
from plimsoll.runtime.new_model import NewModel
from plimsoll.settings import load_settings
from plimsoll.tasks import TaskBinder, bind_task

if TYPE_CHECKING:
    from plimsoll.runtime.bundle_making import Recipe

OptionsText = Annotated[
    str | None, typer.Option(help="Options of the task as a JSON object, or @FILE that holds it, such as its columns.")
]
TaskFiles = Annotated[
    list[Path] | None,
    typer.Option(help="File that the task reads, such as a vocabulary.", exists=True, dir_okay=False),
]
RequestsFile = Annotated[
    Path | None,
    typer.Option(
        help="JSON array of bodies of requests. The new bundle expects the answers that they get now.",
        exists=True,
        dir_okay=False,
    ),
]


def read_options(text: str) -> dict[str, Any]:
    """The options of a task: JSON, or `@` and the name of a file that holds it.

    Raises:
        typer.BadParameter: the file cannot be read, or it is no JSON object.
    """
    content: str | bytes = text
    if text.startswith("@"):
        try:
            content = Path(text[1:]).read_bytes()
        except OSError as error:
            raise typer.BadParameter(f"--options {text} cannot be read: {error.strerror}") from None
    options: dict[str, Any] = read_json(content, dict, "--options", orjson.loads)
    return options


def read_files(paths: Sequence[Path], taken: Collection[str]) -> dict[str, bytes]:
    """The content of files by name.

    Raises:
        typer.BadParameter: two have the same name, or one of those that are `taken`.
    """
    files: dict[str, bytes] = {}
    for path in paths:
        if path.name in taken or path.name in files:
            raise typer.BadParameter(f"two files of the bundle would be named {path.name}")
        files[path.name] = path.read_bytes()
    return files


def read_bodies(path: Path) -> list[bytes]:
    """The bodies of golden requests.

    Raises:
        typer.BadParameter: it is no JSON array of as many bodies as a bundle may have.
        BundleError: with check `golden` when a body is nested too deeply.
    """
    listed = read_json(path.read_bytes(), list, "--requests", orjson.loads)
    if not 1 <= len(listed) <= MOST_REQUESTS:
        raise typer.BadParameter(f"--requests should hold 1 to {MOST_REQUESTS} bodies, and holds {len(listed)}")
    return [body_of(each, f"body {index} of --requests") for index, each in enumerate(listed)]


def make_with_requests(
    models: Path, recipe: Recipe, model: NewModel, requests: Path | None, factory: str | None
) -> Bundle:
    """Write a new bundle, with a golden request for each body in a file; `factory` is the one that its model calls.

    Raises:
        typer.BadParameter: as `read_bodies` says.
        BundleError: as `make_bundle` and `with_requests` say; nothing is written.
    """
    from plimsoll.runtime.bundle_making import make_bundle

    if requests is None:
        return make_bundle(models, recipe, model, note, bind_task)
    bodies = read_bodies(requests)
    from plimsoll.runtime.loader_options import LoaderOptions
    from plimsoll.runtime.request_answers import with_requests

    allowed = (*load_settings().factories, *([factory] if factory else ()))
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        draft = make_bundle(Path(folder), recipe, model, note, bind_task)
        return with_requests(models, draft, bodies, task_of(allowed), LoaderOptions("cpu", factories=allowed))


def task_of(allowed: Collection[str]) -> Callable[[Bundle], Any]:
    """Binds the task of a bundle; the factories of tasks that may be called are those in `allowed`."""
    from plimsoll.runtime.task_factories import TaskFactories

    bind = TaskBinder(TaskFactories(allowed))
    return lambda bundle: bind(bundle).task


def options_of(text: str | None, about: Mapping[str, Any]) -> dict[str, Any]:
    """Further fields of a manifest, with the options of the task among them.

    Raises:
        typer.BadParameter: they are given twice.
    """
    if text is None:
        return dict(about)
    if "options" in about:
        raise typer.BadParameter("--options and the field 'options' of --about say the same; give only one")
    return {**about, "options": read_options(text)}
