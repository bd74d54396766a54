"""Adds golden requests to a bundle: the answers that the model and its task give when the bundle is made."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import orjson

from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden_requests import GoldenRequest, pack_requests
from plimsoll.bundle.manifest import parse_manifest
from plimsoll.inference.ports import Task
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader

REQUESTS_FILE = "requests.json"


def with_requests(
    folder: Path, bundle: Bundle, bodies: Sequence[bytes], bind: Callable[[Bundle], Task], options: LoaderOptions
) -> Bundle:
    """Write a bundle once more into another folder of bundles, with a golden request for each of the JSON `bodies`.

    Raises:
        BundleError: with check `golden` when a body is not answered, or as `write_bundle` and the loader say.
    """
    files = files_without_requests(bundle)
    fields = bundle.manifest.model_dump(mode="json", exclude_none=True, exclude={"files"})
    name = free_name(files)
    fields["golden"] = {**fields["golden"], "requests": name}
    return write_bundle(folder, fields, {**files, name: pack_requests(answered(fields, files, bodies, bind, options))})


def files_without_requests(bundle: Bundle) -> dict[str, bytes]:
    """The content of every file of a bundle but its golden requests, by name."""
    manifest = bundle.manifest
    return {name: bundle.read(name) for name in manifest.files if name != manifest.golden.requests}


def free_name(files: Collection[str]) -> str:
    """A name for the golden requests that no file of the bundle has."""
    further = (f"{number}.{REQUESTS_FILE}" for number in count(2))
    return next(name for name in chain([REQUESTS_FILE], further) if name not in files)


def answered(
    fields: Mapping[str, Any],
    files: Mapping[str, bytes],
    bodies: Sequence[bytes],
    bind: Callable[[Bundle], Task],
    options: LoaderOptions,
) -> list[GoldenRequest]:
    """The bodies with their predictions by the task and the model of a bundle that is not written yet."""
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        one = pack_requests([GoldenRequest(bodies[0], [])])
        draft = _draft(Path(folder), fields, {**files, fields["golden"]["requests"]: one})
        task = bind(draft)
        loader = new_loader(options, max_batch_rows=1, inline_budget_seconds=0)
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
