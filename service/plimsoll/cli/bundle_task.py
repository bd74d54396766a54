"""`plimsoll bundle add-task`."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.bundle.golden_requests import MOST_REQUESTS, GoldenRequest, body_of, pack_requests
from plimsoll.bundle.manifest import MANIFEST_FILE, parse_manifest
from plimsoll.cli.bundle import BundlePath, bundle
from plimsoll.cli.bundle_folders import folder_of_bundles
from plimsoll.cli.json_options import read_json
from plimsoll.settings import load_settings
from plimsoll.tasks import TaskBinder

REQUESTS_FILE = "requests.json"


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
    file: Annotated[
        list[Path] | None,
        typer.Option(
            help="File that the task reads, such as a vocabulary. It replaces the bundle's file of that name.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    options: Annotated[
        str | None,
        typer.Option(
            help="Options of the task as a JSON object.", show_default="those of the bundle if the task is the same"
        ),
    ] = None,
    trust_factory: Annotated[
        list[str] | None, typer.Option(help="package.module:callable that the model needs. This command calls it.")
    ] = None,
) -> None:
    """Make the next version of a bundle, with a task of your own in place of its task, and golden requests."""
    models = folder_of_bundles(source)
    opened = open_bundle(source)
    opened.verify_files()
    kept = opened.manifest.options if task == opened.manifest.task else {}
    fields = opened.manifest.model_dump(mode="json", exclude_none=True, exclude={"files"})
    fields |= {
        "schema_version": 2, "version": version, "task": task,
        "options": kept if options is None else read_json(options, dict, "--options", orjson.loads),
    }  # fmt: skip
    files = _files(opened, file or [])
    requests_file = _free_name(files)
    fields["golden"] = {**fields["golden"], "requests": requests_file}
    listed = read_json(requests.read_bytes(), list, "--requests", orjson.loads)
    if not 1 <= len(listed) <= MOST_REQUESTS:
        raise typer.BadParameter(f"--requests should hold 1 to {MOST_REQUESTS} bodies, and holds {len(listed)}")
    bodies = [body_of(each, f"body {index} of --requests") for index, each in enumerate(listed)]
    allowed = (*load_settings().factories, task, *(trust_factory or ()))
    files[requests_file] = pack_requests(_answered(fields, files, bodies, allowed))
    made = write_bundle(models, fields, files)
    typer.echo(f"{made.path}: {made.manifest.name} {version}, digest {made.digest}")
    typer.echo(f"{len(bodies)} golden requests; read their predictions in {made.path / requests_file}")


def _files(opened: Bundle, added: Sequence[Path]) -> dict[str, bytes]:
    """The files of a bundle without its golden requests, and those that are added or take the place of one."""
    manifest = opened.manifest
    files = {name: opened.read(name) for name in manifest.files if name != manifest.golden.requests}
    taken = {MANIFEST_FILE, manifest.model.file, manifest.golden.file}
    for path in added:
        if path.name in taken:
            raise typer.BadParameter(f"two files of the bundle would be named {path.name}")
        taken.add(path.name)
        files[path.name] = path.read_bytes()
    return files


def _free_name(files: Collection[str]) -> str:
    """A name for the golden requests that no file of the bundle has."""
    further = (f"{number}.{REQUESTS_FILE}" for number in count(2))
    return next(name for name in chain([REQUESTS_FILE], further) if name not in files)


def _answered(
    fields: Mapping[str, Any], files: Mapping[str, bytes], bodies: list[bytes], allowed: tuple[str, ...]
) -> list[GoldenRequest]:
    """The bodies with their predictions by the task and the model of a bundle that is not written yet."""
    from plimsoll.runtime.loader_options import LoaderOptions
    from plimsoll.runtime.loading import new_loader
    from plimsoll.runtime.task_factories import TaskFactories

    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        one = pack_requests([GoldenRequest(bodies[0], [])])
        draft = _draft(Path(folder), fields, {**files, fields["golden"]["requests"]: one})
        task = TaskBinder(TaskFactories(allowed))(draft).task
        loader = new_loader(LoaderOptions("cpu", factories=allowed), max_batch_rows=1, inline_budget_seconds=0)
        model = loader.load(draft)
        return [
            GoldenRequest(body, loader.answer_request(index, body, model, task)) for index, body in enumerate(bodies)
        ]


def _draft(folder: Path, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Bundle:
    """A bundle in a folder that does not last."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return Bundle(folder, parse_manifest(orjson.dumps({**fields, "files": digests})), "")
