"""`plimsoll bundle add-task`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.bundle.golden_requests import pack_requests
from plimsoll.bundle.manifest import MANIFEST_FILE
from plimsoll.cli.bundle import BundlePath, bundle
from plimsoll.cli.bundle_folders import folder_of_bundles
from plimsoll.cli.task_parts import TaskFiles, read_bodies, read_files, read_options, task_of
from plimsoll.settings import load_settings


@bundle.command("add-task")
def add_task(
    source: BundlePath,
    task: Annotated[
        str,
        typer.Option(help="package.module:callable that makes the task, which this command calls; or a task's name."),
    ],
    version: Annotated[str, typer.Option(help="Version of the new bundle.")],
    requests: Annotated[
        Path,
        typer.Option(
            help="JSON array of bodies of requests. The new bundle expects the answers that they get now.",
            exists=True,
            dir_okay=False,
        ),
    ],
    file: TaskFiles = None,
    options: Annotated[
        str | None,
        typer.Option(
            help="Options of the task as a JSON object, or @FILE that holds it.",
            show_default="those of the bundle if the task is the same",
        ),
    ] = None,
    trust_factory: Annotated[
        list[str] | None, typer.Option(help="package.module:callable that the model needs. This command calls it.")
    ] = None,
) -> None:
    """Make the next version of a bundle, with a task of your own in place of its task, and golden requests."""
    from plimsoll.runtime.request_answers import free_name

    models = folder_of_bundles(source)
    opened = open_bundle(source)
    opened.verify_files()
    kept = opened.manifest.options if task == opened.manifest.task else {}
    fields = opened.manifest.model_dump(mode="json", exclude_none=True, exclude={"files"})
    fields |= {
        "schema_version": 2, "version": version, "task": task,
        "options": kept if options is None else read_options(options),
    }  # fmt: skip
    files = _files(opened, file or [])
    requests_file = free_name(files)
    fields["golden"] = {**fields["golden"], "requests": requests_file}
    bodies = read_bodies(requests)
    allowed = (*load_settings().factories, task, *(trust_factory or ()))
    files[requests_file] = _answers(fields, files, bodies, allowed)
    made = write_bundle(models, fields, files)
    typer.echo(f"{made.path}: {made.manifest.name} {version}, digest {made.digest}")
    typer.echo(f"{len(bodies)} golden requests; read their predictions in {made.path / requests_file}")


def _answers(
    fields: Mapping[str, Any], files: Mapping[str, bytes], bodies: Sequence[bytes], allowed: tuple[str, ...]
) -> bytes:
    """The file of golden requests, with the answers that the task and the model give now."""
    from plimsoll.runtime.loader_options import LoaderOptions
    from plimsoll.runtime.request_answers import answered

    options = LoaderOptions("cpu", factories=allowed)
    return pack_requests(answered(fields, files, bodies, task_of(allowed), options))


def _files(opened: Bundle, added: Sequence[Path]) -> dict[str, bytes]:
    """The files of a bundle without its golden requests, and those that are added or take the place of one."""
    from plimsoll.runtime.request_answers import files_without_requests

    manifest = opened.manifest
    taken = {MANIFEST_FILE, manifest.model.file, manifest.golden.file}
    return {**files_without_requests(opened), **read_files(added, taken)}
